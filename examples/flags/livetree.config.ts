// What the command `livetree` uses here.
export { shop } from './src/shop-config.ts'
