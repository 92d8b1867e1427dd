import { parseArgs } from 'node:util'
import { keepResults } from '../report/results.ts'
import { writePage } from '../report/write-page.ts'
import { runScenario } from '../run-scenario.ts'
import { everythingUntil } from '../scenarios/everything.ts'
import { describeViolations } from '../validators/validate.ts'
import { runReconnects, type Sample } from './reconnects.ts'

const usage = `npm run soak -- [reconnects] [events] [options]

The long runs; without a name, both of them, one after the other.

  reconnects         a client with watchers and a live configuration, cut off again and again: nothing may pile up
  events             one trouble after the other, until consumers were given so many events: no violation
  --reconnects N     how often. Default 5000
  --events N         how many. Default 1000000
  --seed N           of the run of events. Default: drawn and printed
  --report FILE      writes the page of results there, as Markdown, and its plot beside it

The exit code is 1 when something is not as it has to be.`

const soakReconnects = async (count: number): Promise<boolean> => {
  const onSample = ({ reconnects, heapMiB, handles, sockets, listeners }: Sample) =>
    console.log(
      `${reconnects} reconnects: heap ${heapMiB.toFixed(2)} MiB, ${handles} handles, ${sockets} sockets, ${listeners} listeners`,
    )
  const sampleEach = Math.max(1, Math.min(100, Math.floor(count / 20)))
  const result = await runReconnects({ count, sampleEach, onSample })
  keepResults('reconnects', result)
  for (const { name, unit, early, late, allowed, isFlat } of result.flatness) {
    const figures = [early, late, allowed].map((each) => each.toFixed(2))
    const [before, after, most] = figures
    const verdict = isFlat ? 'flat' : 'GROWS'
    console.log(
      `${verdict}  ${name}: ${before} in the second quarter, ${after} in the last, ${most} ${unit} allowed`,
    )
  }
  for (const mistake of result.mistakes.slice(0, 20)) console.log(`MISTAKE  ${mistake}`)
  return result.mistakes.length === 0 && result.flatness.every(({ isFlat }) => isFlat)
}

const soakEvents = async (count: number, seed: number): Promise<boolean> => {
  console.log(`seed ${seed}`)
  const scenario = everythingUntil(count, (delivered, trouble) =>
    console.log(`${delivered} events after ${trouble}`),
  )
  const { result } = await runScenario(scenario, { seed, version: 'current', isShort: true })
  keepResults('events', result)
  const { deliveredEvents, reconnects, consumers, violations } = result
  console.log(
    `${deliveredEvents} events to ${consumers} consumers, ${reconnects} reconnects, ${violations.length} violations`,
  )
  if (violations.length > 0) console.log(describeViolations(violations))
  return violations.length === 0
}

const wholeNumber = (name: string, text: string): number => {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new Error(`--${name} ${text}: give a whole number from 1 on`)
  return Number(text)
}

const main = async (): Promise<boolean> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      reconnects: { type: 'string', default: '5000' },
      events: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: `${1 + Math.floor(Math.random() * 2 ** 31)}` },
      report: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const unknown = positionals.find((name) => name !== 'reconnects' && name !== 'events')
  if (unknown !== undefined) throw new Error(`${unknown}: give reconnects or events`)
  const [reconnects, events, seed] = (['reconnects', 'events', 'seed'] as const).map((name) =>
    wholeNumber(name, values[name]),
  )
  if (values.help) {
    console.log(usage)
    return true
  }
  const isWanted = (name: string) => positionals.length === 0 || positionals.includes(name)
  // first, while nothing else has used this process's memory
  const isFlat = !isWanted('reconnects') || (await soakReconnects(reconnects!))
  const isClean = !isWanted('events') || (await soakEvents(events!, seed!))
  if (values.report !== undefined) writePage(values.report)
  return isFlat && isClean
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage}`)
  process.exitCode = 2
}
