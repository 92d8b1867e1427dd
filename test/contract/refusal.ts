import { RawStatus } from './call-client.ts'

/** Waits for a call to be refused and gives the status; fails when it is answered or breaks. */
export const refusal = async (call: Promise<unknown>): Promise<{ code: number; message: string }> => {
  try {
    await call
  } catch (error) {
    if (error instanceof RawStatus) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('The call was answered, though it should have been refused')
}
