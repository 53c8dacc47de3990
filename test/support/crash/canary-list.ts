import type { Canary, Mutation } from './canary.js'
import type { Profile } from './operation.js'
import { DAMAGED, FAULTY, FULL, FULL_IN_BATCH, MIXED, ROTATING, SHORT, TORN } from './profiles.js'

const SEGMENT_WRITER = 'segment/segment-writer.js'
const ROTATING_SEGMENTS = 'segment/rotating-segments.js'
const WRITER = 'writer/writer.js'

/** One sync of a segment fails, and the process goes on, or dies, or starts again. */
const FAILED_SYNCS: Profile = {
  ...FAULTY,
  name: 'failed syncs',
  faults: [{ call: 'datasyncSync', path: /\.seg$/, error: 'EIO' }],
}

const FAILED_DIRECTORY_SYNCS: Profile = {
  ...ROTATING,
  name: 'failed directory syncs',
  weights: { append: 20, many: 4, turns: 8, settle: 10, fault: 6, kill: 2 },
  faults: [{ call: 'syncDirectorySync', error: 'EIO' }],
}

const TAKEN_OVER: Profile = { ...MIXED, name: 'taken over', weights: { append: 20, many: 4, turns: 4, takeover: 4 } }

/** Closed again and again over records that are only written. */
const CLOSED: Profile = {
  ...MIXED,
  name: 'closed',
  weights: { append: 12, many: 2, turns: 6, close: 8 },
  options: [{ segmentBytes: 16 * 1024, maxPendingBytes: 128 * 1024, flush: 'never' }],
}

/** Records that are written, and not durable for a while, beside readers of every kind. */
const DEFERRED_READS: Profile = {
  ...MIXED,
  name: 'deferred reads',
  weights: { append: 20, many: 2, turns: 10, read: 8, flush: 2 },
  options: [{ segmentBytes: 16 * 1024, maxPendingBytes: 128 * 1024, flush: { everyMs: 5 } }],
}

/** Lets readers in the log's process know what is written. */
const WRITTEN_FOR_READERS: readonly Mutation[] = [
  {
    file: 'log/log.js',
    text: 'get durableLsn() {',
    becomes: 'get writtenLsn() { return this.#coordinator.writtenLsn; }\n    get durableLsn() {',
  },
  {
    file: 'log/coordinator.js',
    text: 'get durableLsn() {',
    becomes: 'get writtenLsn() { return this.#handover.writtenLsn; }\n    get durableLsn() {',
  },
]

function canary(name: string, profile: Profile, ...mutations: Mutation[]): Canary {
  return { name, profile, mutations }
}

/** Every one of these breaks a promise. */
export const CANARIES: readonly Canary[] = [
  canary('drop the data sync', MIXED, {
    file: SEGMENT_WRITER,
    text: 'this.#fileSystem.datasyncSync(this.#fd);',
    becomes: '',
  }),
  canary('drop the directory sync', ROTATING, {
    file: ROTATING_SEGMENTS,
    text: 'this.#clock.directorySync(() => this.#fileSystem.syncDirectorySync(this.#start.directory));',
    becomes: '',
  }),
  canary('acknowledge before the sync', SHORT, {
    file: WRITER,
    text: 'if (batch.wantsWritten)\n            this.#report(figures);',
    becomes:
      'this.#mark.advance(this.#writtenLsn, this.#endIn(this.#trimmer.lastSegment)); this.#report(figures); batch.wantsWritten = true;',
  }),
  canary(
    'sync the wrong file after a rotation',
    ROTATING,
    {
      file: ROTATING_SEGMENTS,
      text: 'this.#active = undefined;\n        segment.close();',
      becomes: 'this.#active = undefined; this.sealed = segment;',
    },
    {
      file: ROTATING_SEGMENTS,
      text: 'this.#clock.sync(() => this.#active?.sync());',
      becomes: 'this.#clock.sync(() => (this.sealed ?? this.#active)?.sync());',
    },
  ),
  canary('retry a failed sync', FAILED_SYNCS, {
    file: SEGMENT_WRITER,
    text: 'throw new FailedSync(error);',
    becomes: 'try { this.#fileSystem.datasyncSync(this.#fd); } catch { throw new FailedSync(error); }',
  }),
  canary('skip the checksum of a frame’s body', DAMAGED, {
    file: 'format/frame.js',
    text: 'checksumRange(bytes, bodyAt, end, seed) === header.bodyChecksum',
    becomes: 'true',
  }),
  canary('trust the length: skip the checksum that proves it', DAMAGED, {
    file: 'format/frame.js',
    text: 'bytes.readUInt32LE(at + 4) !== checksumRange(bytes, at + 8, at + FRAME_HEADER_BYTES, seed)',
    becomes: 'false',
  }),
  canary('give two segments the same nonce', ROTATING, {
    file: SEGMENT_WRITER,
    text: 'const nonce = randomBytes(16);',
    becomes: 'const nonce = Buffer.alloc(16, 7);',
  }),
  canary('cut a corrupt frame as if it were torn', DAMAGED, {
    file: 'segment/log-judgement.js',
    text: 'throw lostDurable({ head: last, scan }, highestMark);',
    becomes: ';',
  }),
  canary('sync the recovered tail without writing it again', FAILED_SYNCS, {
    file: 'segment/tail-mending.js',
    text: 'run.add(window.buffer, frame.at, frame.header.frameBytes, frame.offset);',
    becomes: ';',
  }),
  canary('write the recovered tail again without syncing it', MIXED, {
    file: 'segment/tail-mending.js',
    text: 'fs.datasyncSync(fd);\n        return scan.nextLsn',
    becomes: 'return scan.nextLsn',
  }),
  canary('leave the recovered segment the name that a failed sync left', FAILED_DIRECTORY_SYNCS, {
    file: 'segment/recovery.js',
    text: 'publishAnew(this.#fs, this.#directory, tail);',
    becomes: ';',
  }),
  canary('append to the segment that had a tear', TORN, {
    file: 'segment/recovery.js',
    text: 'sealBehindFrames(this.#fs, this.#directory, tail, highestMark);',
    becomes: 'return false;',
  }),
  canary('note the mark before the sync', MIXED, {
    file: WRITER,
    text: 'this.#syncActive();\n        this.#intake.noteCommit',
    becomes: `const { lsn } = { lsn: this.#mark.lsn }, end = this.#endIn(this.#trimmer.lastSegment);
        this.#mark.advance(this.#writtenLsn, end); this.#mark.note(this.#trimmer.firstLsn); this.#mark.advance(lsn, end);
        this.#syncActive();\n        this.#intake.noteCommit`,
  }),
  canary('unlink before the trim mark', ROTATING, {
    file: 'writer/trimmer.js',
    text: 'noteTrimMark(firstLsn);\n        this.#firstLsn = firstLsn;',
    becomes: 'this.#firstLsn = firstLsn; while (this.#removeOne()); noteTrimMark(firstLsn);',
  }),
  canary('don’t sync the trim mark', ROTATING, {
    file: 'writer/durable-mark.js',
    text: 'try {\n                this.#file.sync();',
    becomes: 'try {',
  }),
  canary('rename before syncing', ROTATING, {
    file: ROTATING_SEGMENTS,
    text: 'this.#clock.sync(() => segment.sync());\n            segment.publish(this.#start.directory, temporaryPath);',
    becomes: 'segment.publish(this.#start.directory, temporaryPath); this.#clock.sync(() => segment.sync());',
  }),
  canary('release the lock before the writer has stopped', TAKEN_OVER, {
    file: 'log/log.js',
    text: 'await this.#coordinator.close();',
    becomes: 'await this.#parts.claim.release(); await this.#coordinator.close();',
  }),
  canary('reuse an LSN after a rollback that was not told', FULL, {
    file: 'log/coordinator.js',
    text: 'this.#listener.rollback(lsn);',
    becomes: '',
  }),
  canary('don’t sync the cut after a full disk', FULL_IN_BATCH, {
    file: SEGMENT_WRITER,
    text: 'this.#fileSystem.truncateSync(this.#fd, checkpoint.offset);\n        this.sync();',
    becomes: 'this.#fileSystem.truncateSync(this.#fd, checkpoint.offset);',
  }),
  canary('skip the sync of the sealed segment', ROTATING, {
    file: SEGMENT_WRITER,
    text: 'this.#fileSystem.truncateSync(this.#fd, this.offset);\n        this.sync();',
    becomes: 'this.#fileSystem.truncateSync(this.#fd, this.offset);',
  }),
  canary('acknowledge the appends of a frame from the last one on', MIXED, {
    file: 'log/pending-frame.js',
    text: 'let lsn = this.firstLsn;\n        for (const settle of settlers)\n            settle(lsn++);',
    becomes:
      'let lsn = this.firstLsn + settlers.length - 1; for (const settle of [...settlers].reverse()) settle(lsn--);',
  }),
  canary('close without making durable what was written', CLOSED, {
    file: 'writer/batch-intake.js',
    text: 'this.#ring.closeRequested || this.#ring.flushTarget > this.#durable.lsn',
    becomes: 'this.#ring.flushTarget > this.#durable.lsn',
  }),
  canary('put the records of an appendMany into two frames', MIXED, {
    file: 'log/intake.js',
    text: 'this.#encoder.putMany(frame, data, sizes);',
    becomes: `let open = frame;
            for (const [index, record] of data.entries()) {
                if (index === 1) {
                    open.add(() => {});
                    this.#handover.closeFrame();
                    open = this.#encoder.begin(bodyBytes, ack) ?? open;
                }
                this.#encoder.put(open, record, sizes[index]);
            }
            if (open !== frame) { this.#acceptedMany(open, (last) => settle(typeof last === 'number' ? last - 1 : last)); return; }`,
  }),
  canary('give by get what is only written', DEFERRED_READS, ...WRITTEN_FOR_READERS, {
    file: 'log/record-reader.js',
    text: 'const { durableLsn } = this.#view;',
    becomes: 'const durableLsn = this.#view.writtenLsn ?? this.#view.durableLsn;',
  }),
  canary(
    'give a follower what is only written',
    DEFERRED_READS,
    ...WRITTEN_FOR_READERS,
    {
      file: 'log/record-source.js',
      text: 'return this.#lastLsn ?? this.#segments.view.durableLsn;',
      becomes: 'return this.#lastLsn ?? this.#segments.view.writtenLsn ?? this.#segments.view.durableLsn;',
    },
    {
      file: 'log/log.js',
      text: 'this.#watch.advance(report.durableLsn);',
      becomes: 'this.#watch.advance(report.writtenLsn);',
    },
  ),
  canary('write the tail page anew with other bytes', MIXED, {
    file: 'segment/page-writer.js',
    text: 'writeFully(this.#fileSystem, this.#fd, this.#stage, from, end - from, this.#begin + from);',
    becomes: `if (this.#written > 0)
            writeFully(this.#fileSystem, this.#fd, allocatePages(PAGE_BYTES).memory, 0, PAGE_BYTES, this.#begin + from);
        writeFully(this.#fileSystem, this.#fd, this.#stage, from, end - from, this.#begin + from);`,
  }),
]
