module mldsa_oracle

go 1.27
