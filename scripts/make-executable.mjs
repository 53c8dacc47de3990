// Lets the package's commands be executed: tsc writes plain files, and npm makes them executable only when it first links
// them, so that every later build would leave `npx sluice` without permission.
import { chmodSync, readFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
for (const path of Object.values(bin)) chmodSync(new URL(path, root), 0o755)
