import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { mutating } from './test/mutations/vite-plugin.ts'

// Read by each worker and each program of a test when it starts: compiling their modules takes half of that time.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('./.cache/compile', import.meta.url))

const source = (name: string) => fileURLToPath(new URL(`./packages/${name}/src/index.ts`, import.meta.url))

/** Tests read the sources, not dist, so that a failing line is the line to mend. */
const alias = [
  {
    find: /^@livetree\/([a-z]+)\/([a-z]+)$/,
    replacement: `${fileURLToPath(new URL('./packages/', import.meta.url))}$1/src/$2/index.ts`,
  },
  {
    find: /^@livetree\/([a-z]+)$/,
    replacement: `${fileURLToPath(new URL('./packages/', import.meta.url))}$1/src/index.ts`,
  },
  {
    find: /^livetree\/([a-z]+)$/,
    replacement: `${fileURLToPath(new URL('./packages/livetree/src/', import.meta.url))}$1/index.ts`,
  },
  { find: /^livetree$/, replacement: source('livetree') },
]

const project = (
  name: string,
  include: string[],
  timeoutMs: number,
  globalSetup: string[] = [],
  exclude: string[] = [...slow, ...growth],
) => ({
  resolve: { alias },
  plugins: [mutating()],
  test: {
    name,
    include,
    exclude: [...configDefaults.exclude, ...exclude],
    // Files share their process and its modules: loading them anew for each file takes half of all processor time.
    isolate: false,
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    // A condition that holds in the end may need far longer on a busy machine than Vitest's default of one second.
    expect: { poll: { timeout: timeoutMs * 0.75 } },
    globalSetup,
    setupFiles: ['test/support/property-seed.ts'],
  },
})

/** Finds or fetches the etcds of this run, once. */
const withEtcd = ['test/support/global-setup.ts']

/** How time grows with the size of what is given, measured by the processor's time, which few changes touch: `npm run growth`. */
const growth = ['test/property/growth{,-*}.test.ts']

/** Files that need the most processor time. `npm test` leaves them out, `npm run test:slow` runs them, `.ci/run` runs both. */
const slow = [
  'test/chaos/short.test.ts',
  'test/consumers/**/*.test.ts',
  'test/load/**/*.test.ts',
  'test/console/**/*.test.ts',
  'test/integration/{coordination,discovery}/fire/under-fire.test.ts',
  'test/integration/telemetry/world.test.ts',
  'test/interop/etcd3gw.test.ts',
]

export default defineConfig({
  test: {
    reporters: ['./scripts/summary-reporter.ts'],
    // Most files wait for an etcd most of the time, so that a small machine can run more of them than it has cores.
    maxWorkers: Math.max(6, availableParallelism()),
    projects: [
      // One project for all that needs no etcd, and one for what does: each one compiles and loads the modules anew.
      project(
        'unit',
        [
          'packages/*/src/**/*.test.ts',
          'packages/console/ui/**/*.test.ts',
          'test/mutations/*.test.ts',
          'test/chaos/validators/**/*.test.ts',
          'test/{fuzz,property}/**/*.test.ts',
          'test/scale/*.test.ts',
          'scripts/**/*.test.ts',
          'site/**/*.test.ts',
        ],
        120_000,
      ),
      project(
        'integration',
        ['test/{apps,chaos,contract,integration,interop,support}/**/*.test.ts'],
        120_000,
        withEtcd,
        ['test/chaos/validators/**', ...slow],
      ),
      project('slow', slow, 240_000, withEtcd, []),
      project('growth', growth, 240_000, [], []),
      {
        resolve: { alias },
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['packages/*/src/**/*.test-d.ts'],
            tsconfig: './tsconfig.tests.json',
          },
        },
      },
    ],
  },
})
