// A few values that must outlive a reload, in IndexedDB: it can hold a key that no script can read.

const NAME = "trifleet";
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("values");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(mode, work) {
  const transaction = (await open()).transaction("values", mode);
  const request = work(transaction.objectStore("values"));
  return new Promise((resolve, reject) => {
    // `complete`, not the request's `success`: only then is it on disk.
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const read = (key) => run("readonly", (values) => values.get(key));
/** Every value whose key begins so. */
export const readAll = (prefix) =>
  run("readonly", (values) => values.getAll(IDBKeyRange.bound(prefix, `${prefix}\uffff`)));
export const write = (key, value) => run("readwrite", (values) => values.put(value, key));
export const remove = (key) => run("readwrite", (values) => values.delete(key));

/** Put what `change` makes of the value in its place, with nobody in between. Returns the new one. */
export async function update(key, change) {
  let changed;
  await run("readwrite", (values) => {
    const request = values.get(key);
    request.onsuccess = () => {
      changed = change(request.result);
      values.put(changed, key);
    };
    return request;
  });
  return changed;
}
