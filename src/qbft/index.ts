/**
 * QBFT consensus as a state machine: `step(config, state, event)` gives the next state and what is to be done. Owns the
 * rules of agreement and their justifications; timers, sockets, signatures and the meaning of values are others' work.
 */
export { isJustified } from "./justified.ts";
export { awaitsVerdict, initialState, roundChangesHeld, step } from "./step.ts";
export {
  faulty,
  type MessageKind,
  NO_VALUE,
  type QbftConfig,
  type QbftEffect,
  type QbftEvent,
  type QbftMessage,
  type QbftState,
  quorum,
  type Transition,
  type ValueId,
} from "./types.ts";
