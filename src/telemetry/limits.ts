/** A fact longer than this is cut: peers and beacon nodes write some of them. */
export const FACT_CHARACTERS_MAX = 500;
/** Items of a list in a log line. */
export const FACT_ITEMS_MAX = 32;

/** Series of one metric. Labels come from small closed sets; the largest are per validator. */
export const SERIES_MAX = 10_000;

/** Connections to the monitoring server at a time: several scrapers, a dashboard, an orchestrator's probes. */
export const MONITORING_CONNECTIONS_MAX = 64;
export const MONITORING_HEADER_BYTES_MAX = 8 * 1024;
export const MONITORING_REQUEST_TIMEOUT_MS = 5_000;
/** How long an answer may take, so that a store that hangs does not collect requests. */
export const MONITORING_ANSWER_TIMEOUT_MS = 5_000;
/** How long a client may neither ask nor read anything: a place is for who uses it. */
export const MONITORING_STALL_MS = 10_000;
/** A metrics text serves all who ask within this time. */
export const METRICS_REUSED_MS = 500;
export const DUTIES_PER_ANSWER_MAX = 500;
/** Of the stories of duties in one answer; to write so much down takes some ten milliseconds. */
export const DUTIES_CHARACTERS_MAX = 2_000_000;

/** Duties whose timeline is held in memory: about ten minutes of every kind. */
export const DUTIES_IN_MEMORY = 512;
/** Slots whose duties a node that starts reads back from the disk: as many as the dashboard shows. */
export const SLOTS_RETOLD = 64;
export const ENTRIES_PER_DUTY_MAX = 200;
/** Validators named in a group of outcomes; the rest are counted. */
export const KEYS_PER_OUTCOME_MAX = 64;
