import test from 'ava'
import { AllocationWatch } from '../support/damage/allocation-watch.js'
import { BoundExceeded, BoundedFileSystem } from '../support/damage/bounded-file-system.js'
import { DIRECTORY } from '../support/memory-log.js'

// What holds the other tests of this folder to their bounds can itself fail: this shows it.

test.serial('a buffer that is too large is noticed, whoever allocates it', (t) => {
  const watch = new AllocationWatch()
  try {
    Buffer.allocUnsafeSlow(70_000)
    Buffer.alloc(50_000, 1)
    t.is(watch.mostBytes, 70_000)
  } finally {
    watch.end()
  }
  Buffer.alloc(90_000)
  t.is(watch.mostBytes, 70_000)
})

test.serial('a read that no file can fill is refused, and so are calls without end', (t) => {
  const fs = new BoundedFileSystem(new Map([['a', Buffer.alloc(1000)]]))
  const fd = fs.openSync(`${DIRECTORY}/a`, 'read')
  t.throws(() => fs.readSync(fd, Buffer.alloc(300_000), 0, 300_000, 0), { instanceOf: BoundExceeded })
  t.throws(
    () => {
      for (;;) fs.readSync(fd, Buffer.alloc(1), 0, 1, 0)
    },
    { instanceOf: BoundExceeded },
  )
  fs.renew()
  t.is(fs.readSync(fd, Buffer.alloc(1), 0, 1, 0), 1)
})
