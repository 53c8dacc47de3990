// The probe thread's entry: all there is to know is in src/probe/.
import { parentPort, workerData } from 'node:worker_threads'
import { nodeFileSystem } from '../src/fs/node-file-system.js'
import { probeBelow } from '../src/probe/probe-thread.js'

parentPort?.postMessage(probeBelow(nodeFileSystem, workerData))
