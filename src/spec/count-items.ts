import { ContainerType, ListCompositeType } from "@chainsafe/ssz";

/**
 * How many items the lists of a container have, as its SSZ says, without reading any: a million empty transactions are 4 MB,
 * and take a second to read and ten to hash. Lists of numbers and bits, and lists inside of items, are not counted.
 *
 * @throws Error - For offsets that no encoding has.
 */
export function countItems(type: unknown, bytes: Uint8Array): number {
  return countIn(type, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
}

function countIn(type: unknown, data: DataView, start: number, end: number): number {
  if (type instanceof ListCompositeType) {
    const { fixedSize } = type.elementType;
    if (start === end) return 0;
    // The first of the offsets says where the last of them ends.
    return fixedSize === null
      ? Math.floor(data.getUint32(start, true) / 4)
      : Math.ceil((end - start) / fixedSize);
  }
  if (!(type instanceof ContainerType) || type.fixedSize !== null) return 0;
  const ranges = type.getFieldRanges(data, start, end);
  return type.fieldsEntries.reduce((sum: number, { fieldType }: { fieldType: unknown }, i: number) => {
    const range = ranges[i];
    return range === undefined ? sum : sum + countIn(fieldType, data, start + range.start, start + range.end);
  }, 0);
}
