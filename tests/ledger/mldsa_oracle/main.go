// Oracle of the tests: ML-DSA-44 cosignatures (C2SP tlog-cosignature) with Go's crypto/mldsa.
// Shares nothing with the package under test. One request a line, fields in hexadecimal:
//
//	sign <seed> <name> <time> <checkpoint text>   ->  ok <vkey> <signature line>
//	verify <vkey> <note>                          ->  ok <time>
//
// Anything that does not hold is answered with "bad <why>".
package main

import (
	"bufio"
	"bytes"
	"crypto/mldsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const kind = 0x06

func message(name string, time uint64, text []byte) ([]byte, error) {
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return nil, errors.New("not three lines")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil {
		return nil, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != 32 || len(name) > 255 || len(lines[0]) > 255 {
		return nil, errors.New("root or names")
	}
	out := bytes.NewBufferString("subtree/v1\n\x00")
	out.WriteByte(byte(len(name)))
	out.WriteString(name)
	binary.Write(out, binary.BigEndian, time)
	out.WriteByte(byte(len(lines[0])))
	out.WriteString(lines[0])
	binary.Write(out, binary.BigEndian, uint64(0))
	binary.Write(out, binary.BigEndian, size)
	out.Write(root)
	return out.Bytes(), nil
}

func keyID(name string, public []byte) []byte {
	sum := sha256.Sum256(append([]byte(name+"\n\x06"), public...))
	return sum[:4]
}

func sign(seed []byte, name, time string, text []byte) (string, error) {
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		return "", err
	}
	at, err := strconv.ParseUint(time, 10, 63)
	if err != nil {
		return "", err
	}
	signed, err := message(name, at, text)
	if err != nil {
		return "", err
	}
	signature, err := key.Sign(nil, signed, &mldsa.Options{})
	if err != nil {
		return "", err
	}
	public := key.PublicKey().Bytes()
	id := keyID(name, public)
	blob := binary.BigEndian.AppendUint64(bytes.Clone(id), at)
	line := fmt.Sprintf("— %s %s", name, base64.StdEncoding.EncodeToString(append(blob, signature...)))
	encoded := base64.StdEncoding.EncodeToString(append([]byte{kind}, public...))
	vkey := fmt.Sprintf("%s+%x+%s", name, id, encoded)
	return hex.EncodeToString([]byte(vkey)) + " " + hex.EncodeToString([]byte(line)), nil
}

func verify(vkey string, note []byte) (string, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return "", errors.New("vkey")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) == 0 || key[0] != kind {
		return "", errors.New("key")
	}
	id := keyID(parts[0], key[1:])
	if hex.EncodeToString(id) != parts[1] {
		return "", errors.New("key id")
	}
	public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), key[1:])
	if err != nil {
		return "", err
	}
	text, lines, _ := strings.Cut(string(note), "\n\n")
	for _, line := range strings.Split(lines, "\n") {
		fields := strings.Split(line, " ")
		if len(fields) != 3 || fields[1] != parts[0] {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil || len(blob) < 12 || !bytes.Equal(blob[:4], id) {
			continue
		}
		time := binary.BigEndian.Uint64(blob[4:12])
		signed, err := message(parts[0], time, []byte(text+"\n"))
		if err != nil {
			return "", err
		}
		return strconv.FormatUint(time, 10), mldsa.Verify(public, signed, blob[12:], &mldsa.Options{})
	}
	return "", errors.New("no line of this key")
}

func answer(fields []string) (string, error) {
	var raw [][]byte
	for _, field := range fields[1:] {
		data, err := hex.DecodeString(field)
		if err != nil {
			return "", err
		}
		raw = append(raw, data)
	}
	switch {
	case fields[0] == "sign" && len(raw) == 4:
		return sign(raw[0], string(raw[1]), string(raw[2]), raw[3])
	case fields[0] == "verify" && len(raw) == 2:
		return verify(string(raw[0]), raw[1])
	}
	return "", errors.New("unknown request")
}

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<22)
	for scanner.Scan() {
		found, err := answer(strings.Split(scanner.Text(), " "))
		if err != nil {
			fmt.Println("bad", err)
		} else {
			fmt.Println("ok", found)
		}
	}
}
