import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What an app imports, by the name it is imported by. */
export const ENTRIES = {
  livetree: join(ROOT, 'packages/livetree/src/index.ts'),
  'livetree/cron': join(ROOT, 'packages/livetree/src/cron/index.ts'),
  'livetree/fleet': join(ROOT, 'packages/livetree/src/fleet/index.ts'),
}

/** A section of the page, with the exports that it describes. */
export interface Section {
  readonly title: string
  readonly intro: string
  readonly names: readonly string[]
  readonly entry: keyof typeof ENTRIES
}

/** What `livetree` exports, in the order of the page. Every export is in exactly one section. */
const OF_LIVETREE: readonly (readonly [title: string, intro: string, names: readonly string[]])[] = [
  [
    'Definition',
    'What a configuration is. Pure: no I/O.',
    [
      'defineConfig',
      'DefineConfigOptions',
      'ConfigDefinition',
      'ConfigOf',
      'Naming',
      'GuardOptions',
      'Register',
    ],
  ],
  [
    'Loading',
    'Options of `load`, and what it may log to.',
    ['LoadOptions', 'SnapshotOptions', 'Logger', 'LoggerLike', 'Clock'],
  ],
  [
    'Sources',
    'Where values come from; later ones win, leaf by leaf.',
    [
      ...[
        'etcd',
        'EtcdSourceOptions',
        'EtcdTreeOptions',
        'EtcdRootOptions',
        'EtcdLayersOptions',
        'EtcdLayer',
      ],
      ...['file', 'FileOptions', 'env', 'EnvOptions', 'memory', 'MemoryOptions', 'MemorySource'],
    ],
  ],
  [
    'Values',
    'Schemas beside those of zod.',
    [
      'secret',
      'SecretOptions',
      'restart',
      'invariant',
      'Complain',
      'sealed',
      'Sealed',
      'duration',
      'bytes',
      'port',
      'hostPort',
      'HostPortOptions',
      'HostPort',
    ],
  ],
  [
    'Keys of encrypted values',
    'See [secrets.md](secrets.md).',
    ['keyring', 'KeyringOptions', 'Keyring', 'KeyOrigin', 'KeyMaterial', 'KeyPort', 'PlaintextPolicy'],
  ],
  [
    'Live configuration',
    'What `load` returns.',
    [
      ...[
        'LiveConfig',
        'WatchOptions',
        'ChangedOptions',
        'RefreshOptions',
        'PreviewChange',
        'PreviewOptions',
        'Preview',
        'Snapshot',
        'ConfigStatus',
        'ConfigHealth',
      ],
      ...['SourceStatus', 'UnsettledCall', 'ExplainedLayer', 'Origin', 'Path'],
      ...['DeepReadonly', 'ReadonlyBytes', 'ReadonlyDate', 'ReadonlySearchParams', 'ReadonlyUrl'],
    ],
  ],
  [
    'Events',
    'Listened to with `config.on`, also published on the channels of `node:diagnostics_channel` that `ConfigChannels` lists.',
    [
      ...['ConfigEvents', 'ConfigListener', 'ReadyEvent', 'ChangeEvent', 'Change', 'RejectedEvent', 'Issue'],
      ...[
        'describeIssue',
        'describeIssues',
        'describeUnused',
        'UnusedEvent',
        'UnusedKey',
        'StaleEvent',
        'LiveEvent',
      ],
    ],
  ],
  [
    'Diagnostics',
    'Channels of `node:diagnostics_channel`, with their messages. Those of the etcd client are in `EtcdChannels` of `@livetree/etcd`.',
    [
      ...['ConfigChannels', 'ConfigMessage', 'ChangeMessage', 'ReloadMessage', 'Reload'],
      ...['ResourceMessage', 'ResourceEventType'],
    ],
  ],
  [
    'Hot swap',
    'What is built from a part of the configuration, and replaced when that changes.',
    ['ResourceOptions', 'Resource', 'Borrowed', 'ResourceStatus', 'live', 'LiveOptions', 'LiveValue'],
  ],
  [
    'Tests',
    'A configuration without a store.',
    ['createTestConfig', 'TestConfigOptions', 'TestConfig', 'DeepPartial'],
  ],
  ['Errors', 'Thrown, passed to `error`, and listed below.', ['LivetreeError', 'LivetreeErrorCode']],
]

/** The same for every entry. */
export const SECTIONS: readonly Section[] = [
  ...OF_LIVETREE.map(([title, intro, names]): Section => ({ title, intro, names, entry: 'livetree' })),
  {
    title: 'Schedules',
    intro: 'Imported from `livetree/cron`, which needs the package `croner` beside it.',
    names: ['cron'],
    entry: 'livetree/cron',
  },
  {
    title: 'The fleet',
    intro: 'Imported from `livetree/fleet`. [fleet.md](fleet.md) has what it writes and what it costs.',
    names: [
      ...['joinFleet', 'JoinFleetOptions', 'FleetMember', 'FleetMemberStatus'],
      ...['InstanceRecord', 'InstanceIssue', 'InstanceLayer'],
    ],
    entry: 'livetree/fleet',
  },
]
