import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestConfig } from 'livetree'
import { createApp } from './app.ts'
import { app } from './config.ts'

test('greets as the configuration says now', async () => {
  const config = await createTestConfig(app, { greeting: 'Hello' })
  await using server = await createApp(config)
  const get = async (url: string) => (await server.inject(url)).body
  assert.equal(await get('/ann'), 'Hello, ann!\n')
  config.set({ greeting: 'Good morning', loud: true })
  assert.equal(await get('/ann'), 'GOOD MORNING, ANN!\n')
})
