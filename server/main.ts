#!/usr/bin/env node
// Where the program `weft` begins.
import { startAgainWithAllocator } from './allocator.js'

// What takes the memory of the process for years is not for a command that ends at once.
if (process.argv[2] === 'serve') startAgainWithAllocator()
await import('./command.js')
