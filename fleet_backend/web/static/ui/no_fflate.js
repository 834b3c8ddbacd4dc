// Stands where pmtiles looks for fflate: only browsers without DecompressionStream would call it.
export function decompressSync() {
  throw new Error("this browser cannot inflate map tiles");
}
