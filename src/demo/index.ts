/**
 * `npm start`: a whole cluster on one machine. Makes keys, starts the simulated chain and one process per operator, shows
 * what they do, lets anybody stop and start them, and sums up what the chain saw.
 */
export { DemoError, type DemoOptions, runDemo } from "./run-demo.ts";
