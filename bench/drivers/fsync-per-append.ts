import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Driver, DriverSetting, Subject } from './driver.js'
import { Turns } from './turns.js'

/**
 * What a service without a log does: for each record open the file, write, fsync, close. As many at once as was found to
 * be fastest: the kernel then lets some of the fsyncs share a commit of its journal. No order is kept among them.
 */
export const fsyncPerAppend: Driver = {
  role: 'baseline',
  promise: { text: "survives a power cut, but for the file's entry; in no order", isP1: false },
  description: 'open, write, fsync and close for each record, as many at once as is fastest',
  preparation: 'none',
  warmUpSeconds: 0.5,
  open: (setting) => openSubject(setting, setting.inFlightMax),
}

/** The same, one record after the other: the only way for it to keep an order. */
export const fsyncInTurn: Driver = {
  role: 'baseline',
  promise: { text: "survives a power cut, but for the file's entry", isP1: false },
  description: 'open, write, fsync and close for each record, one after the other',
  preparation: 'none',
  warmUpSeconds: 0.5,
  open: (setting) => openSubject(setting, 1),
}

async function openSubject(setting: DriverSetting, inFlightMax: number): Promise<Subject> {
  const path = join(setting.directory, 'records')
  const turns = new Turns(inFlightMax)
  return {
    kind: 'asynchronous',
    async append(record) {
      await turns.take()
      try {
        await appendDurably(path, record)
      } finally {
        turns.give()
      }
    },
    async close() {},
  }
}

async function appendDurably(path: string, record: Buffer): Promise<void> {
  const file: FileHandle = await open(path, 'a')
  try {
    await file.write(record)
    await file.sync()
  } finally {
    await file.close()
  }
}
