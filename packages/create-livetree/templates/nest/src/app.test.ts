import 'reflect-metadata'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Test } from '@nestjs/testing'
import { createTestConfig } from 'livetree'
import { createAppModule } from './app.module.ts'
import { app } from './config.ts'
import { GreetingController } from './greeting.controller.ts'

test('greets as the configuration says now', async () => {
  const config = await createTestConfig(app, { greeting: 'Hello' })
  const module = await Test.createTestingModule({ imports: [createAppModule(config)] }).compile()
  await module.init()
  const controller = module.get(GreetingController)
  assert.equal(controller.greetName('ann'), 'Hello, ann!\n')
  config.set({ greeting: 'Good morning', loud: true })
  assert.equal(controller.greetName('ann'), 'GOOD MORNING, ANN!\n')
  await module.close()
})
