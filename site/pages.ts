/** A page of the site: a Markdown file of the repository, as GitHub shows it. */
export interface Page {
  /** Path of the file from the root of the repository. */
  readonly file: string
  /** Where the page is on the site, from its root, without extension: `start`, `packages/core`. `index` is the first page. */
  readonly route: string
  /** What it is called in the menu and in `llms.txt`. */
  readonly title: string
  /** What it is about, in one line, for `llms.txt` and search engines. */
  readonly about: string
}

/** Pages that stand together in the menu. */
export interface PageGroup {
  readonly title: string
  readonly pages: readonly Page[]
}

function guide(name: string, title: string, about: string): Page {
  return { file: `docs/${name}.md`, route: name, title, about }
}

function packagePage(name: string, about: string): Page {
  const title = name.endsWith('livetree') ? name : `@livetree/${name}`
  return { file: `packages/${name}/README.md`, route: `packages/${name}`, title, about }
}

function project(name: string, title: string, about: string): Page {
  return { file: `${name}.md`, route: name.toLowerCase(), title, about }
}

/** Every page, in the order of the menu. A page of `docs/` or a README of a package that is missing here fails the build. */
export const GROUPS: readonly PageGroup[] = [
  {
    title: 'Begin',
    pages: [
      {
        file: 'README.md',
        route: 'index',
        title: 'Overview',
        about: 'What livetree is, what it promises, how it is used',
      },
      guide('start', 'Start', 'From a clone, or an empty folder, to the first change in a running service'),
      guide('testing', 'Testing', 'createTestConfig, a clock in the hand of the test, an etcd with faults'),
      guide('compare', 'Compared with others', 'What each peer does better, and when to take it instead'),
    ],
  },
  {
    title: 'Guides',
    pages: [
      guide(
        'using',
        'Using it',
        'Sources, trees, environment, files, secrets, hot swap, outages, large removals',
      ),
      guide('sharing', 'Sharing a tree', 'Parts of a tree that several services read, and who may see what'),
      guide('removing', 'Removing values', 'How a higher layer takes away what a lower one has'),
      guide('operate', 'Operating a tree', 'What the command shows: set, plan, apply, history, rollback'),
      guide('production', 'In production', 'The store, TLS, roles, size, backup, Kubernetes, alerts'),
      guide(
        'fleet',
        'The fleet',
        'Instances that say what became of each revision, and judge changes before',
      ),
      guide('tools', 'Tools', 'Reading, judging and writing trees without loading a configuration'),
      guide('secrets', 'Encrypted secrets', 'Values that the store holds as envelopes, opened by a keyring'),
      guide('threat-model', 'Threat model', 'Whom to trust, and what each attacker can do'),
    ],
  },
  {
    title: 'Moving',
    pages: [
      guide(
        'migrate-from-nestjs-config',
        'From @nestjs/config',
        'Each construct of @nestjs/config and its place',
      ),
      guide(
        'migrate-from-node-config',
        'From node-config',
        'Each operation of node-config beside that of livetree',
      ),
      guide('migrate-from-convict', 'From convict', 'Each operation of convict beside that of livetree'),
      guide(
        'from-kazoo-and-python-etcd',
        'From kazoo and python-etcd',
        'Their recipes with @livetree/coordination',
      ),
    ],
  },
  {
    title: 'Reference',
    pages: [
      guide('reference', 'Reference', 'Everything that livetree exports, from the comments of the code'),
      guide('cli', 'The command', 'Every command and option of livetree'),
    ],
  },
  {
    title: 'Packages',
    pages: [
      packagePage('livetree', 'What an application installs: core and the etcd source'),
      packagePage('core', 'Schema walk, pipeline, live object, sources for files, environment and memory'),
      packagePage('etcd', 'An etcd v3 client: KV, transactions, watch, leases, auth, maintenance'),
      packagePage('express', 'One snapshot for each request, hot-swapped middleware, health'),
      packagePage('nestjs', 'Module, injection, hot-swapped providers, Terminus'),
      packagePage('fastify', 'The plugin: app.config, request.config'),
      packagePage('openfeature', 'Feature flags in a configuration, by OpenFeature, in the format of flagd'),
      packagePage('telemetry', 'Metrics and traces for OpenTelemetry and prom-client'),
      packagePage('coordination', 'Locks, elections, queues and other recipes over etcd, with fencing'),
      packagePage('discovery', 'Services that find each other, and a balancing dispatcher'),
      packagePage('admin', 'Typed writes for operators: plan, apply, history, rollback'),
      packagePage('cli', 'The command livetree'),
      packagePage('console', 'The tree, its changes and its instances in the browser'),
      packagePage(
        'create-livetree',
        'npm create livetree: an app with tests, scripts and a store for development',
      ),
      packagePage('embedded', 'An etcd server in the process, for development and tests'),
    ],
  },
  {
    title: 'Project',
    pages: [
      project('ARCHITECTURE', 'Architecture', 'How livetree is made, and the test behind each promise'),
      guide('benchmarks', 'Benchmarks', 'What everything costs, compared with peers, and how it is measured'),
      guide('chaos', 'Chaos', 'Clusters that break under writers and consumers, and what was found'),
      guide('fuzz', 'Fuzzing', 'A million cases of bad input of every kind'),
      project('CONTRIBUTING', 'Contributing', 'How to build, test, add and release'),
      project('CHANGELOG', 'Changelog', 'What is new in each version'),
      project('SECURITY', 'Security', 'How to report a weakness'),
    ],
  },
]

/** All pages. */
export const PAGES: readonly Page[] = GROUPS.flatMap(({ pages }) => pages)
