/** How the keeper of a server starts and stops it. */
export interface ServerSpec {
  readonly command: string
  readonly args: readonly string[]
  /** All that the server writes lies below: it is removed when the server has ended. */
  readonly directory: string
  readonly logFile: string
  /** Who it runs as, where not as this process. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** The fastest way to end it, and all that it started, without leaving anything in the kernel. */
  readonly stopSignal: 'SIGKILL' | 'SIGQUIT'
}
