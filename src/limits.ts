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
/** One CESQL expression, UTF-16 code units: room for `IN` with the types of a large catalogue. */
export const CESQL_CHARS_MAX = 16 * 1024;
/** Operations, attributes and literals of one CESQL expression; they count as filter expressions too. */
export const CESQL_NODES_MAX = 1_000;
/** Nesting of parentheses, calls, sets and unary operators in CESQL: its parser recurses. */
export const CESQL_DEPTH_MAX = 100;
/** A pattern of LIKE, UTF-16 code units: its automaton takes memory in the square of it. */
export const CESQL_PATTERN_CHARS_MAX = 1_024;
/** A string built by CONCAT or CONCAT_WS, UTF-16 code units: all attributes of an event several times. */
export const CESQL_STRING_CHARS_MAX = 4 * ATTRIBUTES_BYTES_MAX;
/** The JSON pointer of a data filter: characters and segments, far deeper than data that people write. */
export const DATA_POINTER_CHARS_MAX = 1_024;
export const DATA_POINTER_SEGMENTS_MAX = 64;
/** Data that filters parse: a millisecond or two. An event with more does not match them, which is counted. */
export const DATA_FILTER_BYTES_MAX = 256 * 1024;
/** Digits of an integer that data filters compare exactly; longer ones are compared as doubles. */
export const DATA_INTEGER_DIGITS_MAX = 100;
/** The expression of a transformation, UTF-16 code units: pages of JSONata. */
export const TRANSFORM_CHARS_MAX = 16 * 1024;
/** An event, as a JSON document, that is transformed, and what is made of it. */
export const TRANSFORM_BYTES_MAX = 1024 * 1024;
/** One evaluation: a thousand times what a usual one takes, since a busy machine must not make dead letters. */
export const TRANSFORM_MS_MAX = 1_000;
/** The same, for a call that can't be interrupted: the process is killed then. */
export const TRANSFORM_KILL_MS_MAX = 4_000;
/** How long a delivery waits for its turn; then it is tried again later. */
export const TRANSFORM_WAIT_MS_MAX = 15_000;
/** Nesting of calls and expressions in one evaluation: far below what overflows the stack. */
export const TRANSFORM_DEPTH_MAX = 500;
/** Items of one sequence that an evaluation makes. */
export const TRANSFORM_SEQUENCE_MAX = 100_000;
/** Heap of the process: the largest event as values, many times. */
export const TRANSFORM_HEAP_MIB_MAX = 128;
/** Expressions that the process keeps compiled; each takes some 100 KiB at most. */
export const TRANSFORM_COMPILED_MAX = 500;
/** Entries of `types` in one subscription. */
export const FILTER_TYPES_MAX = 1_000;
export const TOPICS_MAX = 10_000;
export const SUBSCRIPTIONS_MAX = 10_000;
/** In one configuration; each is one or two subscriptions. */
export const BRIDGES_MAX = 1_000;

/** Attempts running at once for one subscription; the setting's upper bound. */
export const IN_FLIGHT_MAX = 4_096;
/** Share of the window kept for retries while retries are due, so that neither lane starves the other. */
export const RETRY_LANE_SHARE = 0.25;
/** Deliveries of one subscription waiting for their next attempt before `receive` stops. */
export const PARKED_MAX_DEFAULT = 10_000;
/** Deliveries that wait for the time their event asks for: rows on disk, none in memory. */
export const SCHEDULED_MAX_DEFAULT = 1_000_000;
/** Deliveries that wait behind another of their key: the same. */
export const KEY_WAITING_MAX_DEFAULT = 1_000_000;
/** Bytes of the events in one batch: what common servers accept as a body. */
export const BATCH_REQUEST_BYTES_DEFAULT = 1024 * 1024;
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
/** How long a management request waits for a broker to confirm: below the 15 s after which impatient clients give up. */
export const BROKER_WAIT_MS_MAX = 10_000;
/** How long a start, or an answer that can do without, waits for what brokers confirm at once when they are there. */
export const BROKER_GRACE_MS = 1_000;
/** Of many resources that are not ready, that many are named. */
export const NOT_READY_NAMED_MAX = 5;
/** How long an answer waits for numbers that a transport tells; they are left out then. */
export const STATS_MS_MAX = 1_000;
/** The pause before a step that a broker did not confirm is repeated; doubled up to the second: work goes on within 5 s. */
export const BACKGROUND_PAUSE_MS = 250;
export const BACKGROUND_PAUSE_MS_MAX = 1_000;
/** The same for one that it refused: only people can mend that. */
export const BACKGROUND_REFUSED_PAUSE_MS_MAX = 60_000;
/** Such steps under way at once on one transport, so that the start of thousands does not overrun its broker. */
export const BACKGROUND_STEPS_MAX = 64;
/** How long running attempts may finish when their subscription is replaced or deleted; the rest is parked. */
export const REPLACE_GRACE_MS = 1_000;
/** Stored bytes of the reserved topic with the bus's own events; its oldest are dropped beyond. */
export const OPS_TOPIC_BYTES_MAX = 64 * 1024 * 1024;
/** How often it is looked whether retention took events that a subscription had not received. */
export const SKIPPED_CHECK_MS = 10_000;
/** Due rows leased ahead of their slots, for one lane of one subscription. */
export const LEASE_ROWS = 64;
/** So long before they are due: what a lease waits for commits on a busy disk, half of what a schedule may be late. */
export const LEASE_AHEAD_MS = 50;
/** Between leases that find less than they may: rows that fall due one by one are read together. */
export const LEASE_INTERVAL_MS = 10;
/** The wait before a store call or a lease that failed is made again; doubled up to the second. */
export const STORE_RETRY_MS = 100;
export const STORE_RETRY_MS_MAX = 5_000;
/** Dead letters on their way to the dead-letter sink at once, for one subscription. */
export const FORWARD_IN_FLIGHT_MAX = 8;
/** Dead letters moved by one transaction of a redrive or discard. */
export const REDRIVE_CHUNK = 500;
/** Events of one page that a replay reads, held in memory. */
export const REPLAY_PAGE_EVENTS = 100;
/** Parked deliveries of one subscription above which its replays wait; half of `maxParked` where that is less. */
export const REPLAY_PARKED_MAX = 1_000;
/** Replays of one subscription that run at once: each may park a page before the others see it. */
export const REPLAYS_RUNNING_MAX = 4;
/** Ended replays that one subscription keeps, to be looked at. */
export const REPLAYS_ENDED_MAX = 20;
/** Replays of all subscriptions that run at once; each holds a page. */
export const REPLAYS_RUNNING_TOTAL_MAX = 32;
/** How often a replay that waits looks whether it may go on. */
export const REPLAY_WAIT_MS = 20;
/** A replay with a rate parks what is due in this time at once. */
export const REPLAY_SLICE_MS = 100;
/** How far the clock of a broker that does not tell its newest event may be ahead of ours. */
export const REPLAY_CLOCK_SKEW_MS = 5_000;
/** The bounds of a replay's `perSecond`, as of a subscription's rate limit. */
export const REPLAY_RATE_MIN = 0.01;
export const REPLAY_RATE_MAX = 1_000_000;
/** Received deliveries that wait in memory for one before them of their key, in windows of `maxInFlight`. */
export const KEY_BUFFER_WINDOWS = 4;
/** Beyond it, what was received is parked instead of waiting for its sink's gates: far below every broker's lease. */
export const READY_HOLD_MS_MAX = 30_000;
/** Attempts of all subscriptions together; each holds its event and a socket. */
export const ATTEMPTS_RUNNING_MAX = 4_096;
/** Attempts that a subscription of weight 1 starts in its turn: half a millisecond of work. */
export const TURN_STARTS = 16;
/** The same where they share one call of their sink (measured: a third less per event than one call each). */
export const TURN_STARTS_SHARING = 64;
/** The first pause of a circuit breaker; it doubles up to the policy's `maxPause`. */
export const BREAKER_PAUSE_MS = 1_000;
/** Refusals in a row that open a subscription's own breaker. */
export const BREAKER_REJECTS = 20;
/** How long a busy sink may have itself left alone (`Retry-After`); the delivery itself waits as long as it says. */
export const PACE_WISH_MS_MAX = 60_000;
/** All renewals of a pulled delivery's lock together: below the shortest lease of a broker (RabbitMQ's 25 minutes). */
export const PULL_LOCK_MS_MAX = 20 * 60 * 1_000;
/** Deliveries of one receive, and locks of one ack, release, reject or renewal. */
export const PULL_DELIVERIES_MAX = 100;
/** How long a receive may wait: below the 60 s after which common proxies cut. */
export const PULL_WAIT_MS_MAX = 50_000;
/** The delay of a release, at most. */
export const PULL_DELAY_MS_MAX = 24 * 60 * 60 * 1_000;
/** The reason of a release or reject, characters. */
export const PULL_REASON_CHARS_MAX = 1_000;
/** Unclean stops during which a delivery was open that make it poison. */
export const POISON_UNCLEAN_STOPS = 3;
/** Failed attempts in a row, without a delivery, that make a subscription `failing`. */
export const FAILING_AFTER_ATTEMPTS = 20;
/** Places an event may have passed before it is dead-lettered as a loop. */
export const HOPS_MAX_DEFAULT = 8;
/** Header bytes of a sink's response. */
export const RESPONSE_HEADERS_BYTES_MAX = 16 * 1024;
/** Connections to one sink origin; more lose throughput (measured). */
export const SINK_CONNECTIONS_MAX = 64;
/** Sink origins with open connections. */
export const SINK_ORIGINS_MAX = 1_024;
/** How long an attempt to connect may hold one of an origin's connections after its request has given up. */
export const SINK_CONNECT_MS_MAX = 10_000;
/** How long an unused connection stays open when the sink does not say: below the 5 s after which common servers close. */
export const SINK_IDLE_MS = 4_000;
/** The same when the sink says so in `Keep-Alive`, at most. */
export const SINK_IDLE_MS_MAX = 60_000;

/** Rows of one page of a list, and its default. */
export const PAGE_ROWS_MAX = 1_000;
export const PAGE_ROWS_DEFAULT = 100;
/** Body of a management request. */
export const MANAGEMENT_BODY_BYTES_MAX = 1024 * 1024;

/** Heap of a decoded event besides its record: attributes, strings, the entry. Memory bounds charge it. */
export const DECODED_EVENT_BYTES = 1024;
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
/** `dedupe.window` of a topic. Beyond a day nobody repeats a publish; below a second nobody can. */
export const DEDUPE_WINDOW_MS_MIN = 1_000;
export const DEDUPE_WINDOW_MS_MAX = 24 * 60 * 60 * 1_000;
/** Events that one topic of the embedded log recognizes, in 25 MB of memory; the oldest are forgotten beyond. */
export const DEDUPE_EVENTS_MAX = 1_000_000;
/** The same over all topics together: the topics with the most forget first. */
export const DEDUPE_EVENTS_TOTAL_MAX = 2_000_000;
/** Of one row: what is read to recognize one event. */
export const DEDUPE_ROW_EVENTS_MAX = 1_024;
/** Rows that are forgotten in one commit: about a millisecond. */
export const DEDUPE_FORGET_ROWS_MAX = 512;
/** How long a publish waits for its commit before its outcome is reported as unknown. */
export const PUBLISH_TIMEOUT_MS = 30_000;
/** Bytes of the log that one trace reads. */
export const TRACE_SCAN_BYTES_MAX = 256 * 1024 * 1024;
/** The default of `storage.minFreeBytes`: publishes are refused below it, so that parking and positions keep room. */
export const FREE_DISK_BYTES_DEFAULT = 256 * 1024 * 1024;
/** How often the free space is looked at. */
export const FREE_DISK_CHECK_MS = 500;

/** Time of one attempt; the setting's upper bound. Below every broker's lease, so that an attempt never outlives it. */
export const ATTEMPT_TIMEOUT_MS_MAX = 10 * 60 * 1_000;
/** Attempts of one delivery; the setting's upper bound. */
export const ATTEMPTS_MAX = 10_000;
/** Age of a delivery that is still tried; the setting's upper bound. */
export const RETRY_AGE_MS_MAX = 90 * 24 * 60 * 60 * 1_000;
/** One wait between two attempts; the setting's upper bound. */
export const BACKOFF_MS_MAX = 24 * 60 * 60 * 1_000;
/** Growth of the wait from one attempt to the next; more reaches the cap at once. */
export const BACKOFF_FACTOR_MAX = 100;
/** Patterns in `retryOn`; there are no more statuses than that. */
export const RETRY_PATTERNS_MAX = 300;
/** The upper bounds of the settings of a batch: what common receivers accept, and a wait that people don't notice. */
export const BATCH_EVENTS_MAX = 1_000;
export const BATCH_REQUEST_BYTES_MAX = 16 * 1024 * 1024;
export const BATCH_WAIT_MS_MAX = 60_000;
/** The longest pause of a circuit breaker that can be set. */
export const BREAKER_PAUSE_MS_MAX = 10 * 60 * 1_000;
/** The upper bounds of the settings `maxParked` and `maxDeadLetters`: each row holds its event. */
export const PARKED_MAX = 1_000_000;
export const DEAD_LETTERS_MAX = 10_000_000;
/** `pulsebus verify`: one case, on a broker far away that also does other work. */
export const VERIFY_CASE_MS_MAX = 180_000;
/** `pulsebus verify`: how long a broker may take to answer at all. */
export const VERIFY_REACH_MS_MAX = 15_000;
/** `pulsebus verify`: how long a transport may take to close, after which the rest of it is left to the broker. */
export const VERIFY_CLOSE_MS_MAX = 10_000;
/** A sink's address: what proxies and servers on the way accept. */
export const SINK_CHARS_MAX = 2_048;
/** Headers that a subscription adds to its requests: together well below the 8 KiB that servers accept by default. */
export const USER_HEADERS_MAX = 32;
export const USER_HEADERS_BYTES_MAX = 4_096;

/** The upper bounds of `limits.eventBytes` and `limits.batchBytes`: an event is held in memory whole, several times. */
export const EVENT_BYTES_MAX = 16 * 1024 * 1024;
export const BATCH_BYTES_MAX = 64 * 1024 * 1024;
/** The lower bound of `limits.eventBytes`: intermediaries must forward events of 64 KiB (CloudEvents §"Size Limits"). */
export const EVENT_BYTES_MIN = 64 * 1024;
/** Any other duration or size in the configuration: far more than anyone needs, and sums of them stay exact. */
export const SETTING_MS_MAX = 3_650 * 24 * 60 * 60 * 1_000;
export const SETTING_BYTES_MAX = 1024 ** 5;

/** A configuration file: 10,000 subscriptions with room to spare. */
export const CONFIG_BYTES_MAX = 16 * 1024 * 1024;
/** Faults of a configuration that are listed; a file with more is wrong as a whole. */
export const CONFIG_FAULTS_MAX = 50;

/**
 * All header lines of one request: the attributes, three characters for each of their bytes when they are
 * percent-encoded, and room for everything else that a proxy adds.
 */
export const HEADER_BYTES_MAX = 3 * ATTRIBUTES_BYTES_MAX + 32 * 1024;
/** Header lines of one request. Some versions of Node drop those beyond it in silence, so what reaches it is refused. */
export const HEADER_COUNT_MAX = 1_000;
/** From the first byte of a request to the end of its headers: what a slow sender may hold a connection with. */
export const HEADERS_TIMEOUT_MS = 15_000;
/** From the first byte of a request to the end of its body: 16 MiB at 280 KiB/s. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** How often connections are looked at for the two timeouts above. */
export const CONNECTIONS_CHECK_MS = 5_000;
/** An idle connection; longer than load balancers keep theirs (Google's 600 s), so that it is they who close. */
export const KEEP_ALIVE_TIMEOUT_MS = 620_000;
/** 0: no bound, since a publisher that is told to reconnect gains nothing. */
export const REQUESTS_PER_CONNECTION_MAX = 0;
/** Open client connections; each costs some 20 KiB. */
export const CONNECTIONS_MAX = 10_000;
/** How long the rest of a refused body is read and thrown away, so that the sender gets to read the answer. */
export const LINGER_MS = 2_000;
/** How often connections that fell idle while the server drains are closed. */
export const DRAIN_SWEEP_MS = 50;
/** Seconds told in `Retry-After` where nobody knows better. */
export const RETRY_AFTER_SECONDS_DEFAULT = 1;
/** `Host` values whose verdict is remembered. */
export const HOST_VERDICTS_MAX = 1_000;
/** Ids in one redrive or discard request. */
export const SELECTION_IDS_MAX = 10_000;
/** The reason that a user gives for a pause, characters. */
export const PAUSE_REASON_CHARS_MAX = 256;
/** Topics, or subscriptions, with series of their own in the metrics; the rest is summed as `other`. */
export const METRIC_RESOURCES_MAX = 1_000;
/** How often the delay of the event loop is sampled. */
export const EVENT_LOOP_SAMPLE_MS = 20;

/** `Retry-After` of an answer `storage-full`: long enough for an operator or retention to make room. */
export const STORAGE_FULL_RETRY_SECONDS = 5;
/** Pages of the database file: with 8 KiB a block of events costs the least (measured; 16 KiB only makes the file larger). */
export const DATABASE_PAGE_BYTES = 8192;
/** WAL pages after which a commit checkpoints: 100 balances the mean commit (3.4 µs an event) and its p99 (0.9 ms). */
export const WAL_CHECKPOINT_PAGES = 100;
/** What a WAL that grew is cut back to when it starts over. */
export const WAL_KEPT_BYTES = 8 * 1024 * 1024;
/** Above it the writer waits for the readers, so that the WAL can start over. */
export const WAL_BYTES_MAX = 64 * 1024 * 1024;
/** How often the size of the WAL is looked at. */
export const WAL_SIZE_CHECK_COMMITS = 256;
/** Page caches of the two connections. */
export const WRITER_CACHE_KIB = 16 * 1024;
export const READER_CACHE_KIB = 8 * 1024;
/** How long a statement waits for another connection: the two threads never wait that long for each other. */
export const BUSY_TIMEOUT_MS = 5_000;
/** Pause before a broken database file or a dead thread is tried again; it doubles up to the second value. */
export const REOPEN_PAUSE_MIN_MS = 100;
export const REOPEN_PAUSE_MAX_MS = 5_000;
/** Operations and transferred bytes of one group, so that one commit stays short. */
export const COMMIT_OPERATIONS_MAX = 1_024;
export const COMMIT_BYTES_MAX = 16 * 1024 * 1024;

/** Lines that `pulsebus publish --lines` sends in one batch: far below the limit of a batch, base64 included. */
export const LINES_BYTES_MAX = 1024 * 1024;
/** A subscription of `pulsebus listen` outlives its command by at most this; it is renewed at a third of it. */
export const LISTEN_LEASE_MS = 60_000;

/** The same as `MAILBOX_EVENTS_MAX`, in bytes of stored records; a mailbox takes one larger event. */
export const MAILBOX_BYTES_MAX = 4 * 1024 * 1024;
/** How often mailboxes are looked at; one that nobody emptied since the last time is given up (within 10 s). */
export const MAILBOX_CHECK_MS = 5_000;
/** A broker adapter's mailbox that nobody takes from hands its unread events back after this (within 10 s). */
export const MAILBOX_IDLE_MS = 10_000;
/** First size of a block's buffer; it doubles. A commit of 34 events of 1 KiB fits. */
export const BLOCK_BUFFER_BYTES = 64 * 1024;
/** Buffers kept to be filled again: what is under way at once, and no more than 8 MiB. */
export const BLOCK_BUFFERS_MAX = 8;
/** How exactly a publish keeps its deadline: one timer serves all of them. */
export const DEADLINE_CHECK_MS = 50;
/** Groups whose positions one operation writes, so that a thousand that moved share no commit with a publish. */
export const PROGRESS_ROWS_MAX = 256;
/** The same for groups that only passed over events, which cost a twentieth. */
export const PASSED_GROUPS_MAX = 2_048;
/** Pause before the embedded log repeats a read, a claim or a flush that failed. */
export const LOG_RETRY_MS = 250;
/** How often events are looked at for their age. */
export const RETENTION_CHECK_MS = 1_000;
/** The shortest time between two passes of retention over one topic that is too large. */
export const RETENTION_PAUSE_MS = 50;
/** Blocks that retention, or the removal of a topic, deletes in one commit: about a millisecond. */
export const RETENTION_BLOCKS_MAX = 32;
/** `Retry-After` of a publish that found its topic or the commit queue full. */
export const TOPIC_FULL_RETRY_SECONDS = 1;
/** What one step of a trace reads of the log, so that other reads get in between. */
export const TRACE_STEP_BYTES_MAX = 8 * 1024 * 1024;

/** Event bytes of one page of delivery rows: a page ends early rather than hold 1,000 events of 1 MiB. */
export const STORE_PAGE_BYTES_MAX = 8 * 1024 * 1024;
/** A stored event up to this lies in the row of its delivery: half a page, so that rewriting the row touches one page. */
export const STORE_INLINE_EVENT_BYTES = 4_096;
/** Rows that one transaction deletes when a subscription goes. */
export const STORE_DELETE_CHUNK = 500;
