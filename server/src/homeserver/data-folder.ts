import { access, constants, mkdir } from 'node:fs/promises';
import { OperatorError } from '../base/operator-error.ts';

/**
 * Makes the data folder where it is missing.
 *
 * @throws OperatorError where it cannot be made or written to
 */
export async function prepareDataFolder(folder: string): Promise<void> {
  try {
    // Postgres may run as another user, who must be able to pass through but not to look around.
    await mkdir(folder, { recursive: true, mode: 0o711 });
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OperatorError(
      `The data folder ${folder} cannot be used (${(error as Error).message}). ` +
        'Let the user that runs Parley write to it, or choose another folder with --data.',
    );
  }
}
