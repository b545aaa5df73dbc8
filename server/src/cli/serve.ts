import { systemClock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { OperatorError } from '../base/operator-error.ts';
import type { Config } from '../config.ts';
import { createHomeserver, type Homeserver } from '../homeserver.ts';
import { FAILED, OK } from './exit-codes.ts';
import { helpText } from './options.ts';
import { readConfig } from './read-config.ts';

const STOP_TIMEOUT_MS = 10_000;

/** Runs the homeserver until it is told to stop. Answers the exit code. */
export async function serve(args: readonly string[]): Promise<number> {
  const config = await readConfig(args, helpText);
  if (typeof config === 'number') return config;
  const logger = createLogger({ level: config.log.level, format: config.log.format });
  return await runUntilStopped(config, logger);
}

async function runUntilStopped(config: Config, logger: Logger): Promise<number> {
  let isStopping = false;
  const stopped = whenToStop(logger).finally(() => (isStopping = true));
  let homeserver: Homeserver | undefined;
  try {
    homeserver = await createHomeserver(config, { logger, clock: systemClock });
    const { setupLink } = await homeserver.start();
    if (!isStopping) {
      logger.info(`Parley is ready at ${homeserver.publicBaseUrl()}/`);
      if (setupLink !== undefined) logger.info(`Open this once to create the first administrator: ${setupLink}`);
    }
  } catch (error) {
    // Ctrl-C also ends what the start has running, such as initdb, and with that the start.
    if (!isStopping) {
      if (error instanceof OperatorError) logger.fatal(error.message);
      else logger.fatal({ err: error }, 'Parley could not start');
      await homeserver?.stop();
      return FAILED;
    }
  }
  const code = await stopped;
  await homeserver?.stop();
  logger.info('Parley has stopped');
  return code;
}

/**
 * Fulfilled with the exit code on the first signal, or on an error that nobody handles: the process is then in a state that
 * nobody planned, so it finishes what it can and ends; its supervisor starts it anew. From then on it has ten seconds.
 */
function whenToStop(logger: Logger): Promise<number> {
  return new Promise((resolve) => {
    const stop = (code: number) => {
      resolve(code);
      setTimeout(() => {
        logger.error('Stopping took too long');
        process.exit(FAILED);
      }, STOP_TIMEOUT_MS).unref();
    };
    // A terminal and npm both pass the signal on, so a repeated one means nothing.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        logger.info(`Stopping on ${signal}`);
        stop(OK);
      });
    for (const event of ['uncaughtException', 'unhandledRejection'] as const)
      process.on(event, (error: unknown) => {
        logger.fatal({ err: error }, 'Stopping after an error that nothing handles');
        stop(FAILED);
      });
  });
}
