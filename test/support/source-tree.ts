import { posix } from 'node:path'
import ts from 'typescript'

/** Sources by their path from the package's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>

/** One import or re-export of another file of the tree. */
interface Import {
  readonly from: string
  readonly to: string
  /** Gone when compiled. Even so it counts: it says who knows of whom. */
  readonly typeOnly: boolean
  readonly reExport: boolean
}

const LINES_MAX = 500

/** Files that only pass on what others have: the package's entries, and no others. */
const ENTRIES = [
  'src/index.ts',
  'src/testing/index.ts',
  'src/events/index.ts',
  'src/state/index.ts',
  'src/write-behind/index.ts',
]

/**
 * Who may import from whom: the table of the design. Every folder may import from itself. `public` is what an entry
 * of the package passes on.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: ['options'],
  'option-checks': ['errors'],
  options: ['option-checks', 'errors'],
  format: ['errors'],
  fs: ['errors'],
  segment: ['format', 'fs', 'errors'],
  ring: ['errors'],
  log: ['segment', 'ring', 'fs', 'observe', 'options', 'errors'],
  writer: ['segment', 'ring', 'format', 'fs', 'errors'],
  observe: ['errors'],
  snapshot: ['format', 'fs', 'errors'],
  json: [],
  events: ['type of log/contract', 'json', 'snapshot', 'observe', 'option-checks', 'errors'],
  state: ['type of log/contract', 'json', 'snapshot', 'observe', 'option-checks', 'errors'],
  'write-behind': ['type of log/contract', 'observe', 'option-checks', 'errors'],
  probe: ['fs', 'errors'],
  testing: ['public', 'fs', 'writer'],
  cli: ['public'],
  workers: ['writer', 'probe', 'fs', 'errors'],
}

/** The front ends, which `src/index.ts` passes on; of other folders it passes on types only. */
const FRONT_ENDS = ['errors', 'options', 'log', 'probe', 'events', 'state', 'write-behind']

/** An import that the table forbids and the tree has all the same, with the reason. */
export interface Exception {
  readonly from: string
  /** A file, or a folder that ends in a slash. */
  readonly to: string
  readonly typeOnly: boolean
  readonly reason: string
}

/** All that is wrong with a tree, one line each; an exception that nothing needs is wrong as well. */
export function problemsOf(sources: Sources, exceptions: readonly Exception[] = []): string[] {
  const problems: string[] = []
  const imports: Import[] = []
  for (const [path, text] of sources) {
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    imports.push(...importsOf(file, sources, problems))
    problems.push(...shapeProblems(file))
  }
  const unneeded = new Set(exceptions)
  for (const each of imports) {
    const problem = importProblem(each, imports)
    if (problem === undefined) continue
    const exception = exceptions.find((candidate) => covers(candidate, each))
    if (exception === undefined) problems.push(problem)
    else unneeded.delete(exception)
  }
  for (const { from, to } of unneeded) problems.push(`the exception for ${from} to import ${to} is not needed`)
  return [...problems, ...cyclesOf(imports)]
}

function covers(exception: Exception, { from, to, typeOnly }: Import): boolean {
  const target = exception.to.endsWith('/') ? to.startsWith(exception.to) : to === exception.to
  return exception.from === from && target && (typeOnly || !exception.typeOnly)
}

function importsOf(file: ts.SourceFile, sources: Sources, problems: string[]): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, typeOnly: boolean, reExport: boolean): void => {
    if (specifier === undefined) return
    if (!ts.isStringLiteralLike(specifier)) {
      // A test may load a build that it has made itself; what the tests import is not ruled anyway.
      if (file.fileName.startsWith('test/')) return
      problems.push(`${file.fileName} imports what can't be told from its text: ${specifier.getText()}`)
      return
    }
    if (!specifier.text.startsWith('.')) return // A package, or a part of Node.
    const to = posix.join(posix.dirname(file.fileName), specifier.text).replace(/\.js$/, '.ts')
    if (sources.has(to)) found.push({ from: file.fileName, to, typeOnly, reExport })
    else problems.push(`${file.fileName} imports ${specifier.text}, which is not there`)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause), false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeExport(node), true)
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument, true, false)
    else if (ts.isExternalModuleReference(node)) add(node.expression, false, false)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false, false)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.isTypeOnly) return true
  const names = clause.namedBindings
  return clause.name === undefined && names !== undefined && ts.isNamedImports(names) && allTypes(names.elements)
}

function isTypeExport(node: ts.ExportDeclaration): boolean {
  if (node.isTypeOnly) return true
  return node.exportClause !== undefined && ts.isNamedExports(node.exportClause) && allTypes(node.exportClause.elements)
}

function allTypes(elements: readonly { readonly isTypeOnly: boolean }[]): boolean {
  return elements.length > 0 && elements.every(({ isTypeOnly }) => isTypeOnly)
}

function shapeProblems(file: ts.SourceFile): string[] {
  const path = file.fileName
  if (!path.startsWith('src/')) return []
  const problems: string[] = []
  const lines = file.text.replace(/\n$/, '').split('\n').length
  if (lines > LINES_MAX) problems.push(`${path} has ${lines} lines, more than ${LINES_MAX}`)
  for (const statement of file.statements) {
    const passesOn = ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined
    if (ENTRIES.includes(path)) {
      const named = passesOn && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)
      if (!named) problems.push(`${path} has something else than named exports: ${firstLine(statement)}`)
    } else if (passesOn) {
      problems.push(`${path} passes on what another file has: ${firstLine(statement)}`)
    }
  }
  return problems
}

function firstLine(node: ts.Node): string {
  return node.getText().split('\n', 1)[0] ?? ''
}

/** `src/log/reader.ts` is in `log`, `src/errors.ts` in `errors`, `workers/writer.ts` in `workers`. */
function placeOf(path: string): string {
  const [top = '', below = ''] = path.split('/')
  return top === 'src' ? below.replace(/\.ts$/, '') : top
}

function importProblem({ from, to, typeOnly }: Import, all: readonly Import[]): string | undefined {
  const [source, target] = [placeOf(from), placeOf(to)]
  const problem = `${from} must not import ${to}${typeOnly ? ', not even its types' : ''}`
  if (source === 'test' || source === 'bench') return undefined
  if (target === 'test' || target === 'bench') return problem
  if (source === 'examples') return undefined
  if (target === 'workers') return problem
  if (source === target) return undefined
  if (from === 'src/index.ts') return typeOnly || FRONT_ENDS.includes(target) ? undefined : problem
  const allowed = (MAY_IMPORT[source] ?? []).some((each) => {
    if (each === 'public') return isPublic(to, all)
    if (each === 'type of log/contract') return typeOnly && to === 'src/log/contract.ts'
    return each === target
  })
  return allowed ? undefined : problem
}

function isPublic(path: string, all: readonly Import[]): boolean {
  if (ENTRIES.includes(path) || ['src/errors.ts', 'src/options.ts'].includes(path)) return true
  return all.some(({ from, to, reExport }) => reExport && ENTRIES.includes(from) && to === path)
}

/** One line for each cycle found: not all the ways through a tangle, but at least one. */
function cyclesOf(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to])
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      cycles.push(`a cycle: ${[...way.slice(way.indexOf(path)), path].join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...way, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return cycles
}
