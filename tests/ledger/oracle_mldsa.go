// Another implementation of the ML-DSA-44 cosignature (C2SP tlog-cosignature), out of Go's
// standard library: an oracle for the tests. It reads one request a line and answers each:
//
//	verify NAME PUBLIC_KEY ORIGIN SIZE ROOT BLOB   ->  good | bad
//	sign NAME SEED TIME ORIGIN SIZE ROOT           ->  PUBLIC_KEY BLOB
//
// NAME and ORIGIN and all bytes are in hexadecimal; BLOB is time (8 bytes) and signature.
package main

import (
	"bufio"
	"crypto/mldsa"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func octets(text string) []byte {
	return must(hex.DecodeString(text))
}

func counted(name []byte) []byte {
	return append([]byte{byte(len(name))}, name...)
}

// message is the structure that a cosigner signs: the subtree from leaf 0 to size.
func message(name []byte, time uint64, origin []byte, size uint64, root []byte) []byte {
	out := []byte("subtree/v1\n\x00")
	out = append(out, counted(name)...)
	out = binary.BigEndian.AppendUint64(out, time)
	out = append(out, counted(origin)...)
	out = binary.BigEndian.AppendUint64(out, 0)
	out = binary.BigEndian.AppendUint64(out, size)
	return append(out, root...)
}

func verify(fields []string) string {
	size := must(strconv.ParseUint(fields[3], 10, 64))
	key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), octets(fields[1]))
	blob := octets(fields[5])
	if err != nil || len(blob) < 8 {
		return "bad"
	}
	signed := message(octets(fields[0]), binary.BigEndian.Uint64(blob), octets(fields[2]), size, octets(fields[4]))
	if mldsa.Verify(key, signed, blob[8:], &mldsa.Options{}) != nil {
		return "bad"
	}
	return "good"
}

func sign(fields []string) string {
	time := must(strconv.ParseUint(fields[2], 10, 64))
	size := must(strconv.ParseUint(fields[4], 10, 64))
	key := must(mldsa.NewPrivateKey(mldsa.MLDSA44(), octets(fields[1])))
	signed := message(octets(fields[0]), time, octets(fields[3]), size, octets(fields[5]))
	signature := must(key.Sign(nil, signed, &mldsa.Options{}))
	blob := append(binary.BigEndian.AppendUint64(nil, time), signature...)
	return hex.EncodeToString(key.PublicKey().Bytes()) + " " + hex.EncodeToString(blob)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), " ")
		if fields[0] == "verify" {
			fmt.Println(verify(fields[1:]))
		} else {
			fmt.Println(sign(fields[1:]))
		}
	}
}
