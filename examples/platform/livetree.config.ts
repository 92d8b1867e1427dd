// What the command `livetree` uses here: `livetree check` judges both, `--config '#search'` names one.
export { checkout } from './src/checkout-config.ts'
export { search } from './src/search-config.ts'
