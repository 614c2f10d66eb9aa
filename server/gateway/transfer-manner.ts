// How the dialects take what is large.
import type { PieceWish } from '../document/port.js'

const KiB = 1024
const MiB = 1024 * KiB

export interface TransferManner extends PieceWish {
  /** Pieces grow as long as the client confirms them within this share of the ping period. Between two of them everything else passes. */
  readonly fastShare: number
  /** A transfer is cut into this many pieces at least, when the link is fast. */
  readonly pieceBytesMax: (transferBytes: number) => number
}

/** Our client keeps the pieces, and applies them as one. */
export const weftManner: TransferManner = {
  order: 'in-order',
  wholeBytesMax: 16 * KiB,
  fastShare: 0.02,
  pieceBytesMax: () => 512 * KiB,
}

/** Yjs merges what it keeps with each piece, so a stock client gets few, and large ones where its link is fast. */
export const stockManner: TransferManner = {
  order: 'heads-last',
  wholeBytesMax: 64 * KiB,
  fastShare: 0.06,
  pieceBytesMax: (transferBytes) => Math.max(1 * MiB, Math.ceil(transferBytes / 16)),
}
