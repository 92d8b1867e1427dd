import fc from 'fast-check'
import { hostileText } from './hostile-values.ts'

const key = fc.constantFrom(
  'a',
  'x',
  'b',
  '__proto__',
  'constructor',
  '"__proto__"',
  '? [1, 2]\n',
  '? {a: 1}\n',
  'null',
  '~',
  '""',
  '5',
  '1.5',
  'true',
  '2026-01-02',
  '!!str 1',
  '&k a',
  '*k ',
  '<<',
  '"a/b"',
  '"\\u0000"',
)
const scalar = fc.constantFrom(
  '1',
  'on',
  '0o17',
  '0x1F',
  '1e999',
  '.inf',
  '.nan',
  '123456789012345678901234567890',
  '2026-02-30',
  '!!timestamp 2026-01-02T03:04:05Z',
  '!!binary aGVsbG8=',
  '!!binary "%%%"',
  '!!set {a, b}',
  '!!omap [a: 1, a: 2]',
  '!!js/function "function () { throw 1 }"',
  '!!python/object:os.system {}',
  '!custom x',
  '!<tag:example.org,2026:x> y',
  '&a [1, *a]',
  '*a',
  '*missing',
  '&a {x: *a}',
  '[*a, *a, *a, *a, *a, *a, *a, *a]',
  '{<<: *a, b: 2}',
  '{<<: [*a, {b: 3}], x: 1}',
  '{<<: {__proto__: {polluted: 1}}}',
  '{__proto__: {polluted: 1}}',
  '[{__proto__: {polluted: 1}}]',
  '"unfinished',
  "'it''s'",
  '|\n    text\n    more',
  '>-\n    folded\n    text',
  '',
  '~',
  '[a, [b, [c',
  '"\\ud800"',
)

const block = fc
  .array(fc.tuple(fc.nat(3), key, scalar), { maxLength: 10 })
  .map((lines) => lines.map(([indent, name, value]) => `${'  '.repeat(indent)}${name}: ${value}`).join('\n'))

/** Each level names the one before nine times: a few lines that unfold into billions. */
const bomb = fc
  .tuple(fc.integer({ min: 2, max: 12 }), fc.constantFrom('list', 'map', 'merge'))
  .map(([levels, kind]) => {
    const lines = ['a0: &a0 {x: lol}']
    for (let level = 1; level <= levels; level++) {
      const before = `*a${level - 1}`
      const nine = Array.from({ length: 9 }, (_, index) =>
        kind === 'map' ? `k${index}: ${before}` : before,
      ).join(', ')
      const value =
        kind === 'list' ? `[${nine}]` : kind === 'map' ? `{${nine}}` : `{<<: [${nine}], y${level}: 1}`
      lines.push(`a${level}: &a${level} ${value}`)
    }
    return lines.join('\n')
  })

const deepYaml = fc
  .tuple(fc.constantFrom('[', '{a: ', '- ', 'a:\n'), fc.constantFrom(20, 99, 101, 400, 3_000))
  .map(([open, depth]) =>
    open === 'a:\n'
      ? Array.from({ length: Math.min(depth, 400) }, (_, level) => `${' '.repeat(level)}a:`).join('\n')
      : open.repeat(depth),
  )

const frame = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(
      fc.constantFrom('', '', '', '\ufeff', '%YAML 1.1\n---\n', '%TAG ! tag:x,2026:\n---\n', '---\n'),
      text,
      fc.constantFrom('', '', '\n...\n', '\n---\nb: 2\n', '\n# end'),
      fc.boolean(),
    )
    .map(([head, body, tail, isCrlf]) => {
      const whole = head + body + tail
      return isCrlf ? whole.replaceAll('\n', '\r\n') : whole
    })

/** YAML with everything its specification has, used as nobody should. */
export const arbitraryYaml: fc.Arbitrary<string> = frame(
  fc.oneof(
    { weight: 8, arbitrary: block },
    { weight: 1, arbitrary: bomb },
    { weight: 1, arbitrary: deepYaml },
    { weight: 2, arbitrary: hostileText },
  ),
)

/** JSON, some of it with keys that mean harm, numbers that do not fit, or lists without end. */
export const arbitraryJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  { weight: 3, arbitrary: fc.json({ maxDepth: 5 }) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom('a', 'x', '__proto__', 'constructor', '', 'a/b'), hostileText), {
        maxLength: 5,
      })
      .map(
        (pairs) =>
          `{${pairs.map(([name, value]) => `${JSON.stringify(name)}: ${/^[[{]/.test(value) ? value : JSON.stringify(value.slice(0, 300))}`).join()}}`,
      ),
  },
)

/** Lines as dotenv files have them, and as they should not. */
export const arbitraryDotenv: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc
        .tuple(
          fc.constantFrom('', 'export ', ' ', '\t', '#', '\ufeff'),
          fc.constantFrom(
            'APP_A',
            'APP_X',
            'APP_A__B',
            'APP___PROTO__',
            'APP_CONSTRUCTOR',
            'APP_',
            'APP_A__',
            'APP___',
            '__proto__',
            'APP_a',
            'APP_É',
            'constructor',
          ),
          fc.constantFrom('=', ':', ' = ', '', '=='),
          fc.oneof(
            fc.constantFrom(
              "'",
              '"',
              '`',
              '"unfinished',
              "'multi\nline'",
              '$' + '{APP_A}',
              '$(rm -rf /)',
              '\\n',
              'x # comment',
            ),
            hostileText,
          ),
        )
        .map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 20 }),
    ),
    { maxLength: 6 },
  )
  .chain((lines) => fc.constantFrom('\n', '\r\n', '\r').map((end) => lines.join(end)))
