import { expect, it } from 'vitest'
import { SampledEntries } from './sampled-entries.ts'

const SIZE = 8

/** What is in the sample after a list of these pages, by revision; each entry has another one. */
function sampleOf(pages: readonly number[]) {
  let sample: number[] = []
  let seen = 0
  let decoded = 0
  let isWhole = true
  for (const length of pages) {
    const page = new SampledEntries(sample.length, SIZE)
    for (let index = 0; index < length; index++) {
      seen += 1
      isWhole = page.add(index, index + 1, seen)
    }
    const { replaced, entries } = page
    decoded += entries.length
    sample = [
      ...sample.filter((_, place) => !replaced.includes(place)),
      ...entries.map(({ at }) => seen - length + at + 1),
    ]
  }
  return { sample, decoded, isWhole }
}

it.each([[[3, 2]], [[8]], [[0, 5, 3]]])('holds every entry of pages %j', (pages) => {
  const count = pages.reduce((sum, length) => sum + length, 0)
  const { sample, isWhole } = sampleOf(pages)
  expect(sample).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  expect(isWhole).toBe(true)
})

it.each([[[200]], [[5, 195]], [[100, 100]], [[8, 192]], [[1, 1, 1, 197]]])(
  'gives each entry of pages %j the same chance, and has no more decoded of a page than stay',
  (pages) => {
    const counts = Array.from({ length: 200 }, () => 0)
    const rounds = 2_000
    for (let round = 0; round < rounds; round++) {
      const { sample, decoded, isWhole } = sampleOf(pages)
      if (isWhole || new Set(sample).size !== SIZE || decoded > SIZE * pages.length)
        throw new Error(
          `${decoded} entries were decoded for ${sample.join()}; every entry is in it: ${isWhole}`,
        )
      for (const revision of sample) counts[revision - 1] = (counts[revision - 1] ?? 0) + 1
    }
    // 80 are expected of each, with a standard deviation of 9: eight of those are not seen in a lifetime.
    expect(Math.max(...counts.map((count) => Math.abs(count - 80)))).toBeLessThan(72)
  },
)
