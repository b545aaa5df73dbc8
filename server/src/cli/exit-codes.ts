/** Exit codes: a clean end, a failure while running, a configuration that cannot be used. */
export const OK = 0;
export const FAILED = 1;
export const MISCONFIGURED = 2;
