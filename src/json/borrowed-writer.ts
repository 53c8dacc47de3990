import { JsonWriter } from './json-writer.js'

let idle: JsonWriter | undefined = new JsonWriter()

/** A writer for the records of one append, which {@link giveBackWriter} must follow. */
export function borrowWriter(): JsonWriter {
  // What is the caller's, as a `toJSON`, can append something of its own while a record is encoded: that gets another writer.
  const writer = idle ?? new JsonWriter()
  idle = undefined
  return writer
}

/** What the writer made holds until one is borrowed again. */
export function giveBackWriter(writer: JsonWriter): void {
  // At once, so that memory which had to be made for a long record is not kept for the next one.
  writer.begin()
  idle = writer
}
