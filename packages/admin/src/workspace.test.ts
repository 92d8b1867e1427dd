import { defineConfig } from '@livetree/core'
import { etcd } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { resolveAdmin } from './options.ts'
import { Workspace } from './workspace.ts'

test.each([-3_600_000, 3_600_000])(
  'the limit of a call is the same where the clock is set by %d ms',
  (ms) => {
    const definition = defineConfig({
      name: 'x',
      schema: z.object({}),
      sources: () => [etcd({ endpoints: ['127.0.0.1:1'], root: '/config/x' })],
    })
    const time = { wallMs: 0, monotonicMs: 0 }
    const clock = {
      now: () => time.wallMs,
      monotonicNow: () => time.monotonicMs,
      setTimeout: () => 0,
      clearTimeout: () => {},
    }
    const limit = new Workspace(resolveAdmin(definition, { clock })).limit({ timeoutMs: 1_000 })
    time.wallMs += ms
    time.monotonicMs = 999
    expect([limit.isOver, limit.leftMs]).toEqual([false, 1])
    time.monotonicMs = 1_000
    expect(limit.isOver).toBe(true)
  },
)
