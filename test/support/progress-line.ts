/** One line on a terminal that says how far a slow script is; elsewhere it says nothing. */
export class ProgressLine {
  show(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
  }

  clear(): void {
    this.show('')
  }
}
