/**
 * Sends the process that started this one a last message, then closes the channel. Not before all of it is written: what
 * is still to be written when a channel is closed is lost, and a message is written in several parts where it is larger
 * than what the system takes at once.
 */
export function sendLast(message: object): void {
  process.send?.(message, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
}
