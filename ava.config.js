export default {
  files: ['dist/test/**/*.test.js'],
  // Tests change folders, take locks and kill processes: each file needs a process of its own.
  workerThreads: false,
  // One more than there are processors on a small machine: many tests wait for processes of their own.
  concurrency: 3,
  timeout: '2m',
  failFast: false,
}
