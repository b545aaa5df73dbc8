import type { Logger } from 'matrix-js-sdk/lib/logger.js';

/** The SDK tells about every request; only what went wrong is of use to somebody who opens the browser's console. */
export const quietLogger: Logger = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: (...messages) => console.warn(...messages),
  error: (...messages) => console.error(...messages),
  getChild: () => quietLogger,
};
