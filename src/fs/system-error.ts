import { getSystemErrorMap } from 'node:util'

/** A system error's fields, as Node's `fs` sets them. */
export interface SystemError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly path?: string
  readonly dest?: string
}

/** Number and description of each code: the numbers differ between platforms. */
const SYSTEM_ERRORS = new Map(
  [...getSystemErrorMap()].map(([errno, [code, description]]) => [code, { errno, description }]),
)

/** A system error that no system call raised, in the shape of those that Node's `fs` throws. */
export function systemError(code: string, syscall: string, path?: string, dest?: string): SystemError {
  const known = SYSTEM_ERRORS.get(code)
  const names = (path === undefined ? '' : ` '${path}'`) + (dest === undefined ? '' : ` -> '${dest}'`)
  const error = new Error(`${code}: ${known?.description ?? 'unknown error'}, ${syscall}${names}`)
  return Object.assign(error, {
    code,
    errno: known?.errno ?? -1,
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
  })
}
