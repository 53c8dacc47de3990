export { SimulatedCrashError } from './call-gate.js'
export type { Fault, FileSystemCall, FileSystemCallName } from './fault.js'
export { Random } from './random.js'
export { type CrashOptions, SimulatedFileSystem, type SimulatedFileSystemOptions } from './simulated-file-system.js'
