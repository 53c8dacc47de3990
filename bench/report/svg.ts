/** A part of a drawing or page, as text that is safe to put in. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

type Content = Markup | string | number | undefined | readonly Content[]

/** Elements without content, which HTML doesn't close. */
const VOID = new Set(['meta', 'link'])

/** One element. Strings in it are text, and are escaped; only other elements are markup. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  ...content: readonly Content[]
): Markup {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(typeof value === 'number' ? rounded(value) : String(value))}"`)
    .join('')
  if (VOID.has(name)) return new Markup(`<${name}${written}>`)
  return new Markup(`<${name}${written}>${content.map(markupOf).join('')}</${name}>`)
}

export function join(parts: readonly Content[]): Markup {
  return new Markup(parts.map(markupOf).join(''))
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function markupOf(content: Content): string {
  if (content === undefined) return ''
  if (content instanceof Markup) return content.text
  if (typeof content === 'string') return escaped(content)
  if (typeof content === 'number') return rounded(content)
  return content.map(markupOf).join('')
}

/** A hundredth of a pixel is more than anybody sees. */
function rounded(value: number): string {
  return String(Math.round(value * 100) / 100)
}
