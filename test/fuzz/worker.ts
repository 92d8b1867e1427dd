import { parentPort, workerData } from 'node:worker_threads'
import { targets } from './targets.ts'

/** One target in a thread of its own, for `main.ts`. */
const { name, cases, seed, path, counter } = workerData as {
  name: string
  cases: number
  seed: number
  path: string | undefined
  counter: Int32Array
}

const target = targets.find((each) => each.name === name)!
const onCase = () => void Atomics.add(counter, 0, 1)
parentPort!.postMessage(await target.run({ cases, seed, path, onCase }))
