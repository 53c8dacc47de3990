// The writer thread's entry: what Piscina loads. All there is to know is in src/writer/.
import { nodeFileSystem } from '../src/fs/node-file-system.js'
import { type WriterTask, type WriterTaskResult, WriterThread } from '../src/writer/writer-thread.js'

const thread = new WriterThread(nodeFileSystem)

export default function handle(task: WriterTask): Promise<WriterTaskResult> {
  return thread.handle(task)
}
