export default {
  files: ['dist/test/**/*.test.js'],
  // Tests change folders, take locks and kill processes: each file needs a process of its own.
  workerThreads: false,
  concurrency: 2,
  timeout: '2m',
  failFast: false,
}
