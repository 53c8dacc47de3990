import { cpus } from 'node:os'

export interface CpuUse {
  /** Microseconds of all threads of this process, user and system. */
  readonly ownUs: number
  /**
   * The share of the machine's processors that went to anything else: 0 to 1. Next to nothing but the kernel's own
   * threads where the machine is quiet; where it is not, nothing measured there means much.
   */
  readonly othersShare: number
}

/** Measures who used the processors since it was made. */
export class CpuMeter {
  readonly #own = process.cpuUsage()
  readonly #machine = machineMs()

  read(): CpuUse {
    const { user, system } = process.cpuUsage(this.#own)
    const now = machineMs()
    const totalMs = now.total - this.#machine.total
    const busyMs = now.busy - this.#machine.busy
    const ownUs = user + system
    // The machine counts in hundredths of a second, which can make its sum the smaller one.
    return { ownUs, othersShare: totalMs > 0 ? Math.max(0, busyMs - ownUs / 1000) / totalMs : 0 }
  }
}

function machineMs(): { total: number; busy: number } {
  let total = 0
  let idle = 0
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.irq + times.idle
    idle += times.idle
  }
  return { total, busy: total - idle }
}
