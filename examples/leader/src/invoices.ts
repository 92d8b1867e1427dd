import { Ledger } from './ledger.ts'

/** Prints who wrote which invoice: `node src/invoices.ts`. */
using ledger = new Ledger(process.env.LEDGER ?? 'ledger.db')
for (const { number, leader, token } of ledger.list())
  console.log(`invoice ${number} by ${leader}, token ${token}`)
