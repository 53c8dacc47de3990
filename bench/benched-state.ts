/** A value as services keep it: read often, changed in part. As JSON about 110 characters. */
export interface Player {
  readonly name: string
  readonly level: number
  readonly cents: number
  readonly seen: string
  readonly inventory: readonly number[]
}

export function playerKey(number: number): string {
  return `player:${1e7 + number}`
}

/** The value of a key; `turn` makes another one of it. */
export function player(number: number, turn = 0): Player {
  return {
    name: `Player number ${number}`,
    level: (number + turn) % 60,
    cents: (number * 31 + turn) % 1_000_000,
    seen: '2026-05-01T12:00:00.000Z',
    inventory: [number % 97, number % 89, number % 83, turn % 79],
  }
}

/** The record that a store writes to its log for this. */
export function setRecord(key: string, value: Player): Buffer {
  return Buffer.from(setText(key, value))
}

/** The same as the text that it is. */
export function setText(key: string, value: Player): string {
  return JSON.stringify(['set', 1, key, value])
}
