/**
 * The page that a node serves of itself: plain files for a browser (`page/`), and under which headers they go out. What the
 * page shows comes from `/status` and `/duties`; it asks nothing else, and nobody else. docs/adr/0200.
 */
export { type DashboardFile, dashboardFiles } from "./files.ts";
