import type { InstanceRecord } from '@livetree/admin'
import type { Access } from '../security/access.ts'
import type { InstanceView } from '../wire/index.ts'
import { seenIssues } from './answer-views.ts'

/** What an instance says of itself, as far as a user may see it. */
export function instanceView(record: InstanceRecord, access: Access): InstanceView {
  const { name, id, host, pid, schema, startedAt, at, verdict, applied, state, servedFrom } = record
  return {
    ...{ name, id, host, pid, schema, startedAt, at, verdict, applied, state, servedFrom },
    judged: record.revision,
    appVersion: record.appVersion ?? '',
    labels: Object.entries(record.labels ?? {}).map(([label, text]) => `${label}=${text}`),
    ...seenIssues(record, access),
  }
}
