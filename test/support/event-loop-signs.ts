/** Paths that test/fixtures/event-loop.ts asks for, and that are not there: who traces its system calls sees them. */
export const LOG_IS_OPEN = '/sluice-test/the-log-is-open'
export const LOG_IS_CLOSED = '/sluice-test/the-log-is-closed'
