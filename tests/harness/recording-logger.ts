import type { Logger } from '../../server/src/base/logger.ts';

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly values: object;
}

/** A logger that keeps its lines instead of printing them. */
export function recordingLogger(): { readonly logger: Logger; readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at = (level: string) => (first: object | string, message?: string) =>
    void lines.push(
      typeof first === 'string'
        ? { level, message: first, values: {} }
        : { level, message: message ?? '', values: first },
    );
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => logger,
  };
  return { logger, lines };
}
