/**
 * What the explorer explores: the functions of one build of the log. A mutated build brings classes of its own, so
 * nothing here is told by `instanceof`: errors go by their code.
 */
export interface Subject
  extends Pick<typeof import('../../../src/log/open-log.js'), 'openLog'>,
    Pick<typeof import('../../../src/log/log-reader.js'), 'openLogReader'>,
    Pick<typeof import('../../../src/log/maintenance.js'), 'verifyLog' | 'repairLog'>,
    Pick<typeof import('../../../src/segment/recovery.js'), 'recover'>,
    Pick<typeof import('../../../src/segment/segment-scan.js'), 'scanSegment'>,
    Pick<typeof import('../../../src/segment/segment-head.js'), 'readSegmentHead'>,
    Pick<typeof import('../../../src/segment/file-window.js'), 'FileWindow'>,
    Pick<typeof import('../../../src/format/frame.js'), 'splitBody'>,
    Pick<typeof import('../../../src/testing/index.js'), 'SimulatedFileSystem'> {}

const FILES = [
  'log/open-log.js',
  'log/log-reader.js',
  'log/maintenance.js',
  'segment/recovery.js',
  'segment/segment-scan.js',
  'segment/segment-head.js',
  'segment/file-window.js',
  'format/frame.js',
  'testing/index.js',
]

/** Where the build that is tested lies: the `src` folder of `dist`. */
export const BUILT_SOURCE = new URL('../../../src/', import.meta.url)

/** Loads a build, whose modules are where `addressOf` says. */
export async function loadSubject(addressOf = (file: string): URL => new URL(file, BUILT_SOURCE)): Promise<Subject> {
  const parts: object[] = await Promise.all(FILES.map((file) => import(addressOf(file).href)))
  // The types are those of the sources that every build was made from.
  return Object.assign({}, ...parts) as Subject
}
