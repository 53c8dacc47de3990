import { systemCode } from '../errors.js'

const ATTEMPTS_MAX = 5
const RETRIED: readonly (string | undefined)[] = ['SLUICE_TRIMMED', 'SLUICE_IO']

/**
 * Reads snapshots and log. While they are read, whoever writes may remove what is being read: then there is something newer, and
 * it is read again, after `refresh`.
 */
export async function readAgain<Result>(
  read: () => Promise<Result>,
  refresh: () => Promise<unknown> = async () => {},
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !RETRIED.includes(systemCode(error))) throw error
      await refresh()
    }
  }
}
