export default {
  files: ['dist/test/**/*.test.js'],
  // Tests change folders, take locks and kill processes: each file needs a process of its own.
  workerThreads: false,
  // One more than the two processors that are counted on: a test that waits for the disk, or for a child, leaves one idle.
  concurrency: 3,
  timeout: '2m',
  failFast: false,
}
