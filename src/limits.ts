/**
 * Every limit of Pulsebus stands here, with its unit in its name and its reason beside it. What a user may change has
 * its default in `src/subscription/policy.ts` or in the configuration schema; what is here bounds those settings, or
 * can't be changed at all.
 */

/** The default of `limits.eventBytes`: a whole event on the wire. CloudEvents asks for at least 64 KiB (spec §"Size Limits"). */
export const EVENT_BYTES_DEFAULT = 1024 * 1024;
/** Names and values of all attributes of one event, as UTF-8. Node's own header limit is raised to fit it. */
export const ATTRIBUTES_BYTES_MAX = 64 * 1024;
/** Attributes of one event: far above the 30 of real traffic, and a bound on the work of a filter. */
export const ATTRIBUTE_COUNT_MAX = 256;
/** One attribute name. The specification asks for 20; longer ones are legal. */
export const ATTRIBUTE_NAME_CHARS_MAX = 64;
/** Nesting of the JSON of an event in structured mode. */
export const JSON_DEPTH_MAX = 128;
/** Events in one batch request. */
export const BATCH_COUNT_MAX = 10_000;
/** The default of `limits.batchBytes`: one batch request. */
export const BATCH_BYTES_DEFAULT = 16 * 1024 * 1024;

/** A topic's or subscription's name, characters. */
export const NAME_CHARS_MAX = 255;
/** Filter expressions in one subscription, counted over all nesting. */
export const FILTER_NODES_MAX = 1_000;
/** Nesting of `all`, `any` and `not`. */
export const FILTER_DEPTH_MAX = 16;
/** Entries of `types` in one subscription. */
export const FILTER_TYPES_MAX = 1_000;
export const TOPICS_MAX = 10_000;
export const SUBSCRIPTIONS_MAX = 10_000;

/** Attempts running at once for one subscription; the setting's upper bound. */
export const IN_FLIGHT_MAX = 4_096;
/** Share of the window kept for retries while retries are due, so that neither lane starves the other. */
export const RETRY_LANE_SHARE = 0.25;
/** Deliveries of one subscription waiting for their next attempt before `receive` stops. */
export const PARKED_MAX_DEFAULT = 10_000;
/** Dead letters of one subscription before `receive` stops. */
export const DEAD_LETTERS_MAX_DEFAULT = 100_000;
/** Attempts kept in the history of one delivery; older ones are dropped from the middle, the first one stays. */
export const ATTEMPT_HISTORY_MAX = 50;
/** Bytes kept of a sink's last response. */
export const RESPONSE_EXCERPT_BYTES = 1_024;
/** Bytes read of a sink's response before the connection is given up. */
export const RESPONSE_BYTES_MAX = 64 * 1024;
/** Outcomes kept in memory for one subscription. */
export const OUTCOME_RING_MAX = 1_000;
/** Dead letters moved by one transaction of a redrive or discard. */
export const REDRIVE_CHUNK = 500;
/** Failed attempts in a row, without a delivery, that make a subscription `failing`. */
export const FAILING_AFTER_ATTEMPTS = 20;
/** Places an event may have passed before it is dead-lettered as a loop. */
export const HOPS_MAX_DEFAULT = 8;
/** Connections to one sink origin; more lose throughput (measured). */
export const SINK_CONNECTIONS_MAX = 64;
/** Sink origins with open connections. */
export const SINK_ORIGINS_MAX = 1_024;

/** Rows of one page of a list, and its default. */
export const PAGE_ROWS_MAX = 1_000;
export const PAGE_ROWS_DEFAULT = 100;
/** Body of a management request. */
export const MANAGEMENT_BODY_BYTES_MAX = 1024 * 1024;

/** Decoded events that one topic of the embedded log keeps for subscriptions that keep up. */
export const TAIL_BYTES_MAX = 8 * 1024 * 1024;
/** The same over all topics together. */
export const TAIL_TOTAL_BYTES_MAX = 64 * 1024 * 1024;
/** Matched events waiting in memory for one subscription before it reads from the log instead. */
export const MAILBOX_EVENTS_MAX = 1_024;
/** Events and bytes of one page read from the log. */
export const LOG_PAGE_EVENTS_MAX = 512;
export const LOG_PAGE_BYTES_MAX = 1024 * 1024;
/** Events and bytes of one log block: what one commit stores for one topic in one row. */
export const BLOCK_EVENTS_MAX = 1_024;
export const BLOCK_BYTES_MAX = 1024 * 1024;
/** Bytes waiting for a commit before publishes are refused as `throttled`. */
export const COMMIT_QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** A position moved by an ack is durable at the latest after this, when no other commit takes it along. */
export const POSITION_FLUSH_MS = 20;
/** A position moved by skipping alone is durable at the latest after this. */
export const SKIP_FLUSH_MS = 1_000;
/** How long a publish waits for its commit before its outcome is reported as unknown. */
export const PUBLISH_TIMEOUT_MS = 30_000;
/** Bytes of the log that one trace reads. */
export const TRACE_SCAN_BYTES_MAX = 256 * 1024 * 1024;
/** The default of `storage.minFreeBytes`: publishes are refused below it, so that parking and positions keep room. */
export const FREE_DISK_BYTES_DEFAULT = 256 * 1024 * 1024;
/** How often the free space is looked at. */
export const FREE_DISK_CHECK_MS = 500;
