"""The README that an exported log carries: how to verify it with one's own tools."""

README = """\
Entries {start} to {stop} (exclusive) of the log {origin},
as it stood when it had {size} entries.

  policy.txt      the keys that whoever made this trusts: compare them with keys that you have
                  by another way (C2SP tlog-policy)
  log/checkpoint  origin, size, root; an empty line; the signatures (C2SP tlog-checkpoint)
  log/tile/       hashes and entries (C2SP tlog-tiles)

1. Who signed? The log's key is an Ed25519 key. With openssl and a shell:

     vkey=$(awk '$1 == "log" {{ print $2; exit }}' policy.txt); key=${{vkey#*+}}; key=${{key#*+}}
     (printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000'
      printf %s "$key" | base64 -d | tail -c 32) > key.der
     sed '/^$/,$d' log/checkpoint > text
     sed '1,/^$/d' log/checkpoint | awk -v name="${{vkey%%+*}}" '$2 == name {{ print $3; exit }}' |
       base64 -d | tail -c 64 > signature
     openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature

2. Is an entry what was signed? A bundle (log/tile/entries/N, N.p/W with W entries) holds for each
   entry its length in two bytes, big endian, and its bytes. The hash of an entry is SHA-256 of a
   zero byte and the entry. tile/0/N holds these hashes; tile/L/N holds, for each full tile of
   level L-1, the root of its 256 hashes, where the hash of two neighbours is SHA-256 of a byte 1,
   the left and the right one. The partial tiles (.p/W), from the lowest level up, give the root in
   the checkpoint (RFC 6962, section 2.1). A tile that was not climbed up to that root proves
   nothing.

3. Or with any program that reads tlog-tiles: the folder log/ is such a log. Where this is not the
   whole log, the tiles and bundles that the entries above do not need are not there.

What this does not prove: that the log shows everybody the same history. Cosignatures of witnesses
and a comparison of checkpoints with others do.
"""
